"""Slow, readable forms of what the package computes fast: one box, one pair, one line at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def prior_boxes_slow(
    height: int, width: int, strides: Sequence[int], sizes: Sequence[Sequence[int]]
) -> np.ndarray:
    rows = []
    for stride, level_sizes in zip(strides, sizes, strict=True):
        for i in range(math.ceil(height / stride)):
            for j in range(math.ceil(width / stride)):
                for size in level_sizes:
                    rows.append(
                        [
                            (j + 0.5) * stride / width,
                            (i + 0.5) * stride / height,
                            size / width,
                            size / height,
                        ]
                    )
    return np.array(rows, dtype=np.float32)


def encode_box(box_xyxy: np.ndarray, prior_cxcywh: np.ndarray, variances: tuple[float, float]):
    """The offsets that decode to a box (SSD, equation 2)."""
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    cx, cy, w, h = (float(v) for v in prior_cxcywh)
    return np.array(
        [
            ((x1 + x2) / 2 - cx) / (variances[0] * w),
            ((y1 + y2) / 2 - cy) / (variances[0] * h),
            math.log((x2 - x1) / w) / variances[1],
            math.log((y2 - y1) / h) / variances[1],
        ]
    )


def overlap_slow(a: Sequence[float], b: Sequence[float], extra: float) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    return width * height / (area_a + area_b - width * height)


def nms_slow(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    """Walk over boxes by falling score; keep one unless it overlaps a kept one too much."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(overlap_slow(boxes[k], boxes[i], 1.0) <= limit for k in kept):
            kept.append(i)
    return kept


def ap_slow(images: Sequence[dict], n_thresholds: int = 1000) -> float:
    """WIDER FACE AP of one split, threshold by threshold.

    Args:
        images: One dictionary each: `boxes` (D, 4) xywh, `scores` (D,), `faces` (F, 4) xywh,
            `counted` (F,) bool.
        n_thresholds: Number of thresholds.
    """
    every_score = [s for image in images for s in image["scores"]]
    low, high = min([1.0, *every_score]), max([0.0, *every_score])
    curve = np.zeros((n_thresholds, 2))
    n_faces = 0
    for image in images:
        n_faces += int(np.sum(image["counted"]))
        if len(image["scores"]) == 0 or len(image["faces"]) == 0 or high == low:
            continue
        order = sorted(range(len(image["scores"])), key=lambda i: -image["scores"][i])
        found: set[int] = set()
        proposals = hits = 0
        progress = []  # after each detection: its score, detections so far, faces found so far
        for i in order:
            x, y, w, h = image["boxes"][i]
            overlaps = [
                overlap_slow((x, y, x + w, y + h), (fx, fy, fx + fw, fy + fh), 1.0)
                for fx, fy, fw, fh in image["faces"]
            ]
            best = int(np.argmax(overlaps))
            if overlaps[best] >= 0.5 and not image["counted"][best]:
                pass  # a hit on an ignored face is neither right nor wrong
            else:
                proposals += 1
                if overlaps[best] >= 0.5 and best not in found:
                    found.add(best)
                    hits += 1
            progress.append(((image["scores"][i] - low) / (high - low), proposals, hits))
        for t in range(n_thresholds):
            above = [p for p in progress if p[0] >= 1 - (t + 1) / n_thresholds]
            if above:
                curve[t] += above[-1][1:]
    precision = [hits / n if n else 0.0 for n, hits in curve]
    recall = [hits / n_faces if n_faces else 0.0 for _, hits in curve]
    area, previous = 0.0, 0.0
    for t in range(n_thresholds):
        area += (recall[t] - previous) * max(precision[t:])
        previous = recall[t]
    return area
