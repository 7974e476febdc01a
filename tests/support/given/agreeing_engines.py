"""Engines that find the same 49 faces of 32 px in every picture, and some with one fault."""

from __future__ import annotations

import cv2
import numpy as np

from retinaface.errors import EngineFault
from retinaface.network.config import MOBILENET_025
from retinaface.network.outputs import RawOutputs
from tests.support.widerface import Recorder

# Priors of 32 px, every third cell of the 20 x 20 of their level; there are two in a cell.
ROWS = 3200 + 2 * (20 * np.arange(0, 20, 3)[:, None] + np.arange(0, 20, 3)).ravel()
N_FACES = len(ROWS)


def picture(seed: int, ending: str = ".png") -> bytes:
    """Make the file of a picture of 320 x 320 pixels: a few soft colours, which takes no time."""
    colours = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return bytes(cv2.imencode(ending, cv2.resize(colours, (320, 320)))[1])


class Faces(Recorder):
    """Finds the faces, with scores that follow the picture."""

    def _run(self, images: np.ndarray) -> RawOutputs:
        outputs = super()._run(images)
        self.batches.clear()
        of_image = np.abs(images.mean(axis=(1, 2, 3)))[:, None] % 0.1
        outputs.scores[:, ROWS, 1] = 0.6 + 0.2 * np.linspace(0, 1, N_FACES) + of_image
        return outputs


class Nothing(Recorder):
    """Finds nothing."""


class Moved(Faces):
    """Every box lies 1 % of its width too far right."""

    def _run(self, images: np.ndarray) -> RawOutputs:
        outputs = super()._run(images)
        outputs.loc[..., 0] += 0.01 / MOBILENET_025.variances[0]
        return outputs


class Dropping(Faces):
    """Every eighth image lacks half of its faces."""

    n_images = 0

    def _run(self, images: np.ndarray) -> RawOutputs:
        outputs = super()._run(images)
        here = (self.n_images + np.arange(len(images))) % 8 == 0
        self.n_images += len(images)
        outputs.scores[np.ix_(here, ROWS[::2], [1])] = 0.0
        return outputs


class Broken(Faces):
    """Raises at the second call."""

    n_calls = 0

    def _run(self, images: np.ndarray) -> RawOutputs:
        self.n_calls += 1
        if self.n_calls == 2:
            raise EngineFault("broken: the second call went wrong")
        return super()._run(images)


# With the limits of FP16, for which a few pictures are enough.
faces_cpu_fp16, moved_cpu_fp16, dropping_cpu_fp16 = Faces, Moved, Dropping
faces_cpu_int8 = Faces
