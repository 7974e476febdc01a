"""Write and score predictions in a slow, readable form: one line, one threshold at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retinaface.suite.properties.references import overlap_slow
from retinaface.typing import FloatArray


def official_lines_slow(boxes_xyxy: FloatArray, scores: FloatArray) -> list[str]:
    """Write boxes in the official text format, a line for each."""
    lines = []
    for (x1, y1, x2, y2), score in zip(boxes_xyxy, scores, strict=True):
        numbers = [int(x1), int(y1), int(x2) - int(x1), int(y2) - int(y1)]
        # str, because a format string would widen the float32 first.
        lines.append(" ".join([*map(str, numbers), str(score)]))
    return lines


def ap_slow(images: Sequence[Mapping[str, Any]], n_thresholds: int = 1000) -> float:
    """Compute WIDER FACE AP of one split, threshold by threshold.

    Args:
        images: One dictionary each: `boxes` (D, 4) xywh, `scores` (D,), `faces` (F, 4) xywh,
            `counted` (F,) bool.
    """
    every_score = [s for image in images for s in image["scores"]]
    low, high = min([1.0, *every_score]), max([0.0, *every_score])
    curve = np.zeros((n_thresholds, 2))
    n_faces = 0
    for image in images:
        n_faces += int(np.sum(image["counted"]))
        if len(image["scores"]) == 0 or len(image["faces"]) == 0 or high == low:
            continue
        progress = [((score - low) / (high - low), *n) for score, *n in _progress(image)]
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


def _progress(image: Mapping[str, Any]) -> list[tuple[float, int, int]]:
    """Give, after each detection, best first: its score, detections so far, faces found so far."""
    found: set[int] = set()
    proposals = hits = 0
    progress = []
    for i in sorted(range(len(image["scores"])), key=lambda i: -image["scores"][i]):
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
        progress.append((image["scores"][i], proposals, hits))
    return progress
