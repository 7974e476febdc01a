"""Compute in a slow or plain form, for unit tests and benchmarks alone to compare with.

Those of the validation suites lie in `retinaface/suite/properties/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retinaface.checks.detection_changes import FLIP_OVERLAP, FLIP_SCORE, Change
from retinaface.detection.boxes import overlap_matrix


def nms_numpy(boxes_xyxy: np.ndarray, scores: np.ndarray, overlap_limit: float) -> np.ndarray:
    """Keep the best box and drop what overlaps it, again and again; in the boxes' own type."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        overlap = overlap_matrix(boxes_xyxy[best][None], boxes_xyxy[rest], extra_px=1.0)[0]
        order = rest[overlap <= overlap_limit]
    return np.asarray(kept, dtype=np.int64)


def chains_slow(lost: Sequence[Change], gained: Sequence[Change]) -> list[Change]:
    """Find changes that follow from others, one pair at a time until none is left."""
    sides = [list(lost), list(gained)]
    found_more = True
    while found_more:
        found_more = False
        for own, other in (sides, sides[::-1]):
            for i, change in enumerate(own):
                if not change.cause and any(_suppresses(better, change) for better in other):
                    own[i] = replace(change, cause="chain")
                    found_more = True
    return sides[0] + sides[1]


def _suppresses(better: Change, change: Change) -> bool:
    boxes = (np.array([one.box_xyxy]) for one in (better, change))
    overlap = overlap_matrix(*boxes, extra_px=1.0)[0, 0]
    is_better = better.score >= change.score - FLIP_SCORE
    return bool(better.cause and is_better and overlap > 0.4 - FLIP_OVERLAP)


def clustered_error_slow(values: np.ndarray, clusters: np.ndarray) -> float:
    """Standard error of a mean, cluster by cluster: the sums of what is left in each, squared."""
    names = sorted(set(clusters.tolist()))
    total = 0.0
    for name in names:
        left = 0.0
        for value, cluster in zip(values, clusters, strict=True):
            if cluster == name:
                left += value - values.mean()
        total += left**2
    return float((total * len(names) / (len(names) - 1)) ** 0.5 / len(values))
