"""Signed offsets of matched detections, pair by pair: boxes, scores, landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from retinaface.detection.detections import Detections
from retinaface.typing import FloatArray, IntArray

Kind = Literal["x", "y", "width", "height", "score", "landmark x", "landmark y"]
# The order of the network's landmarks; left and right as in the picture.
_POINTS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")


@dataclass(frozen=True)
class Quantity:
    """One column of the offsets.

    Attributes:
        kind: What is judged together. `x` and `y` are of the centre of a box.
        point: Of a landmark: which one; else empty.
    """

    kind: Kind
    point: str = ""


QUANTITIES = (
    *(Quantity(kind) for kind in ("x", "y", "width", "height", "score")),
    *(Quantity(kind, point) for point in _POINTS for kind in ("landmark x", "landmark y")),
)


@dataclass(frozen=True)
class PairOffsets:
    """The offsets of the pairs of one image: candidate minus reference.

    Attributes:
        heights_px: (M,) float64 of the reference's boxes: the size of the face.
        sides_px: (M,) float64, mean of width and height, at least 1.
        values: (M, 15) float64 in the order of `QUANTITIES`; pixels of the original image, but for
            scores.
    """

    heights_px: FloatArray
    sides_px: FloatArray
    values: FloatArray

    @property
    def landmarks_px(self) -> FloatArray:
        """Offsets of the landmarks, (M, 5, 2)."""
        return self.values[:, -2 * len(_POINTS) :].reshape(-1, len(_POINTS), 2)


def offsets_of_pairs(
    reference: Detections, candidate: Detections, rows: IntArray, columns: IntArray
) -> PairOffsets:
    """Subtract pair by pair.

    Args:
        reference: Detections of one image.
        candidate: Of the same image.
        rows: (M,) of the reference.
        columns: (M,) of the candidate: the counterparts.
    """
    old, new = (
        side.boxes_xyxy[index].astype(np.float64)
        for side, index in ((reference, rows), (candidate, columns))
    )
    sizes_px = old[:, 2:] - old[:, :2]
    moved = new - old  # (M, 4)
    scores = candidate.scores[columns].astype(np.float64) - reference.scores[rows]
    landmarks = candidate.landmarks_xy[columns].astype(np.float64) - reference.landmarks_xy[rows]
    values = np.column_stack(
        [
            (moved[:, :2] + moved[:, 2:]) / 2,
            moved[:, 2:] - moved[:, :2],
            scores,
            landmarks.reshape(-1, 2 * len(_POINTS)),
        ]
    )
    return PairOffsets(sizes_px[:, 1], np.maximum(sizes_px.mean(axis=1), 1.0), values)
