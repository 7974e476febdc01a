"""Engines that find known boxes, and scored images to count."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.engines.base import Engine, EngineSpec
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.widerface.average_precision import Counts, ScoreRange, count_image

SCORES = st.integers(20, 1000).map(lambda s: s / 1000)
PIXELS = st.integers(0, 60).map(float)


class Recorder(Engine):
    """Finds nothing and remembers its batches."""

    def __init__(self, spec: EngineSpec | None = None, **changes: Any) -> None:
        defaults = {"name": "recorder", "precision": "fp32", "device": "cpu"}
        super().__init__(spec or EngineSpec(**(defaults | changes)))
        self.batches: list[np.ndarray] = []

    def _run(self, images: np.ndarray) -> RawOutputs:
        self.batches.append(images.copy())
        n, _, height, width = images.shape
        p = len(prior_boxes(height, width))
        return RawOutputs(*(np.zeros((n, p, k), np.float32) for k in (4, 2, 10)))

    def describe(self) -> dict[str, Any]:
        return {"name": self.spec.name}


class Finder(Recorder):
    """Finds one box at the first prior of the coarsest level of every image."""

    def _run(self, images: np.ndarray) -> RawOutputs:
        outputs = super()._run(images)
        outputs.scores[:, 4000, 1] = 0.9
        outputs.scores[:, 10, 1] = 0.1
        return outputs


class FreeFinder(Recorder):
    """Takes inputs of any size, and finds one box whose score depends on the image."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**({"height_px": None, "width_px": None} | changes))

    def _run(self, images: np.ndarray) -> RawOutputs:
        outputs = super()._run(images)
        outputs.scores[:, 40, 1] = 0.1 + np.abs(images.mean(axis=(1, 2, 3))) % 0.8
        return outputs

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"precision": self.spec.precision}


@st.composite
def images(draw: st.DrawFn, max_images: int = 5) -> list[dict[str, np.ndarray]]:
    """Make images with boxes, distinct scores, faces, and which of them count in each split."""
    result = []
    for _ in range(draw(st.integers(1, max_images))):
        n_boxes, n_faces = draw(st.integers(0, 8)), draw(st.integers(0, 5))
        result.append(
            {
                "boxes": draw(arrays(np.float64, (n_boxes, 4), elements=PIXELS)),
                "scores": draw(arrays(np.float64, n_boxes, elements=SCORES, unique=True)),
                "faces": draw(arrays(np.float64, (n_faces, 4), elements=PIXELS)),
                "counted": draw(arrays(np.bool_, (n_faces, 3))),
            }
        )
    return result


def fixed_range_counts(
    items: list[dict[str, np.ndarray]], scores_range: ScoreRange = ScoreRange(0.0, 1.0)
) -> list[Counts]:
    """Count each image, for a range that does not follow the scores."""
    return [
        count_image(i["boxes"], i["scores"], i["faces"], i["counted"], scores_range) for i in items
    ]
