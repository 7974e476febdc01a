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
    """The offsets of the pairs of one image: new minus old.

    Attributes:
        heights_px: (M,) float64 of the old boxes: the sizes of the faces.
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
    old: Detections, new: Detections, rows: IntArray, columns: IntArray
) -> PairOffsets:
    """Subtract the old detection of each pair from the new one.

    Args:
        old: Detections of one image.
        new: Detections of the same image.
        rows: (M,) into `old`.
        columns: (M,) into `new`: the counterparts.
    """
    old_xyxy = old.boxes_xyxy[rows].astype(np.float64)
    sizes_px = old_xyxy[:, 2:] - old_xyxy[:, :2]
    moved = new.boxes_xyxy[columns].astype(np.float64) - old_xyxy  # (M, 4)
    scores = new.scores[columns].astype(np.float64) - old.scores[rows]
    landmarks = new.landmarks_xy[columns].astype(np.float64) - old.landmarks_xy[rows]
    values = np.column_stack(
        [
            (moved[:, :2] + moved[:, 2:]) / 2,
            moved[:, 2:] - moved[:, :2],
            scores,
            landmarks.reshape(-1, 2 * len(_POINTS)),
        ]
    )
    return PairOffsets(sizes_px[:, 1], np.maximum(sizes_px.mean(axis=1), 1.0), values)
