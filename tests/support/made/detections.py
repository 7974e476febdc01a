"""Detections written as rows."""

from __future__ import annotations

import numpy as np

from retinaface.detection.detections import Detections

# Where the landmarks of a face lie in its box.
POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


def found(*rows: tuple[float, ...], points: np.ndarray = POINTS) -> Detections:
    """Make detections of rows (left, top, width, height, score), with plausible landmarks."""
    array = np.array(rows, dtype=np.float64).reshape(-1, 5)
    corners, sizes = array[:, :2], array[:, 2:4]
    landmarks = corners[:, None] + sizes[:, None] * points
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    return Detections(*(a.astype(np.float32) for a in (boxes, array[:, 4], landmarks)))


def row(
    left: float, score: float, top: float = 0, width: float = 99, height: float = 99
) -> tuple[float, ...]:
    """Make a row of a box of 100 px, counted with the + 1."""
    return (left, top, width, height, score)
