"""Suppression of overlapping boxes."""

from __future__ import annotations

import cv2
import numpy as np

from retinaface.boxes import PLUS_ONE
from retinaface.typing import FloatArray, IntArray

# OpenCV holds 1 - float32(1 - overlap) against the limit, which is off by up to two steps of
# float32 below 1. Without a margin, a pair at exactly the limit would go; within it, one stays.
_ROUNDING = 2.0**-23


def nms(boxes_xyxy: FloatArray, scores: FloatArray, overlap_limit: float) -> IntArray:
    """Keep the best box of each overlapping group (greedy, widths and heights + 1, Fast R-CNN).

    `cv2.dnn.NMSBoxes`, which knows no + 1, on boxes that are one pixel wider and higher: that
    gives the same overlaps. In float64 but for the comparison with the limit (`_ROUNDING`).

    Args:
        boxes_xyxy: (N, 4) float, pixels of the original image, x1 <= x2 and y1 <= y2.
        scores: (N,) float. Of equal scores the lower index wins.
        overlap_limit: A box is dropped when its overlap with a kept one is greater than this;
            in [0, 1].

    Returns:
        (K,) int64 indices into `boxes_xyxy`, best first. Empty for N = 0.

    Raises:
        ValueError: Shapes disagree, or the limit lies outside [0, 1].
    """
    n = len(boxes_xyxy)
    if boxes_xyxy.shape != (n, 4) or scores.shape != (n,):
        raise ValueError(
            f"nms: expected boxes (N, 4) and scores (N,), got {boxes_xyxy.shape} and {scores.shape}"
        )
    if not 0 <= overlap_limit <= 1:
        raise ValueError(f"nms: overlap limit must lie in [0, 1], got {overlap_limit}")
    order = np.argsort(-scores, kind="stable")
    boxes_xywh = boxes_xyxy[order].astype(np.float64)
    boxes_xywh[:, 2:] += PLUS_ONE - boxes_xywh[:, :2]
    # Ranks in place of scores: any score counts, and OpenCV leaves out what is not above 0.
    ranks = np.arange(n, 0, -1, dtype=np.float32)
    limit = overlap_limit + _ROUNDING
    kept = cv2.dnn.NMSBoxes(boxes_xywh, ranks, 0.0, limit)  # type: ignore[arg-type]
    return order[np.asarray(kept, dtype=np.int64).reshape(-1)]
