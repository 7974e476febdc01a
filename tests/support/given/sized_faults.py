"""Engines with one fault of a given size: `<this module>:<fault>_<size>_<device>_<precision>`.

`boxes_right_px_0_2_cpu_fp32` shifts boxes by 0.2 px. `tools.what_it_catches` chooses the sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from retinaface.network.config import MOBILENET_025
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from tests.support.given.faulty_engines import Unfolded, Wrapped

_SMALL_PX = 16
_TAIL = 18  # of 434 images at batch 32 the last call has 18


class Sized(Wrapped):
    """An honest engine with a fault of a size."""

    def __init__(self, spec, size):
        super().__init__(spec)
        self.size = np.float32(size)


def _priors_px(images: np.ndarray) -> np.ndarray:
    """Give the widths and heights of the priors: (P, 2) pixels of the input."""
    height, width = images.shape[2:]
    return prior_boxes(height, width)[:, 2:] * np.float32([width, height])


def _sizes_px(outputs: RawOutputs, images: np.ndarray) -> np.ndarray:
    """Decode the widths and heights of the boxes: (N, P, 2) pixels of the input."""
    return _priors_px(images) * np.exp(outputs.loc[..., 2:] * MOBILENET_025.variances[1])


def _noisy(outputs: RawOutputs, size: np.float32) -> RawOutputs:
    """Change each value by a share of itself; scores stay probabilities that add up to 1."""
    rng = np.random.default_rng(0)
    loc, scores, landmarks = (
        a * (1 + size * rng.standard_normal(a.shape, np.float32)) for a in outputs
    )
    return RawOutputs(loc, scores, landmarks)._replace(scores=_from_face(scores[..., 1]))


def _from_face(face: np.ndarray) -> np.ndarray:
    face = face.clip(0, 1)
    return np.stack([1 - face, face], axis=-1)


class BoxesRightPx(Sized):
    """Boxes lie some pixels of the input too far right."""

    def changed(self, outputs, images):
        outputs.loc[..., 0] += self.size / (MOBILENET_025.variances[0] * _priors_px(images)[:, 0])
        return outputs


class BoxesRightShare(Sized):
    """Boxes lie a share of their width too far right."""

    def changed(self, outputs, images):
        widths = _sizes_px(outputs, images)[..., 0] / _priors_px(images)[:, 0]
        outputs.loc[..., 0] += self.size * widths / MOBILENET_025.variances[0]
        return outputs


class LandmarksRightPx(Sized):
    """Landmarks lie some pixels of the input too far right."""

    def changed(self, outputs, images):
        step = self.size / (MOBILENET_025.variances[0] * _priors_px(images)[:, 0])
        outputs.landmarks[..., 0::2] += step[:, None]
        return outputs


class ScoresLower(Sized):
    """Scores are lower by a number."""

    def changed(self, outputs, images):
        return outputs._replace(scores=_from_face(outputs.scores[..., 1] - self.size))


class SmallScoresLower(Sized):
    """Scores of boxes below 16 px of the input are lower by a number."""

    def changed(self, outputs, images):
        is_small = _sizes_px(outputs, images)[..., 1] < _SMALL_PX
        lower = outputs.scores[..., 1] - self.size * is_small
        return outputs._replace(scores=_from_face(lower))


class Noise(Sized):
    """Each value is off by a share of itself."""

    def changed(self, outputs, images):
        return _noisy(outputs, self.size)


class TailNoise(Sized):
    """The same at batch 18 alone."""

    def changed(self, outputs, images):
        return _noisy(outputs, self.size) if len(images) == _TAIL else outputs


class OtherImage(Sized):
    """A share of the images, evenly spread, gets the outputs of its neighbour in the batch."""

    n_images = 0

    def changed(self, outputs, images):
        every = round(1 / float(self.size))
        honest = [array.copy() for array in outputs]
        for i in range(len(images)):
            self.n_images += 1
            if self.n_images % every == 0:
                for array, right in zip(outputs, honest, strict=True):
                    array[i] = right[i - 1]
        return outputs


class BackgroundLower(Sized):
    """The probability of the background is too small by a share of itself; a face's is right."""

    def changed(self, outputs, images):
        outputs.scores[..., 0] *= 1 - self.size
        return outputs


class LeakAtOne(Sized):
    """Keeps some bytes of every call of one image."""

    def changed(self, outputs, images):
        if len(images) == 1:
            self._keep()
        return outputs

    def _keep(self):
        self.kept = [*getattr(self, "kept", []), np.ones(int(self.size), np.int8)]


class LeakInBatches(LeakAtOne):
    """Keeps some bytes of every call of more than one image."""

    def changed(self, outputs, images):
        if len(images) > 1:
            self._keep()
        return outputs


class UnfoldedCast(Unfolded):
    """The network is cast to FP16 before its batch norms are folded: there or not there."""

    def __init__(self, spec, size):
        super().__init__(spec)
        assert size == 1


FAULTS = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, (Sized, UnfoldedCast)) and cls is not Sized
}


def name_of(fault: str, size: float, precision: str) -> str:
    """Name the engine with this fault, for `--engine`."""
    digits = np.format_float_positional(size, trim="-").replace(".", "_")
    return f"{__name__}:{fault}_{digits}_cpu_{precision}"


def __getattr__(name: str) -> Callable[[Any], Wrapped]:
    match = re.fullmatch(r"([a-z_]+)_(\d+(?:_\d+)?)_[a-z0-9]+_fp(?:32|16)", name)
    if match is None or match[1] not in FAULTS:
        raise AttributeError(f"no engine of that name: {name}")
    size = float(match[2].replace("_", "."))
    return lambda spec: FAULTS[match[1]](spec, size)
