"""Pair the detections of two sets, each with at most one counterpart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retinaface.detection.boxes import PLUS_ONE, overlap_matrix
from retinaface.typing import BoolArray, FloatArray, IntArray

MATCH_OVERLAP = 0.9
MATCH_SCORE = 0.005
# A landmark agrees within this share of the mean side of its box. FP16 moves 99.9 % of them by less
# than 0.011 (the subset, four pipelines); swapped ones or a neighbour's are 0.2 and more off.
MATCH_LANDMARK = 0.05


@dataclass(frozen=True)
class DetectionMatch:
    """The detections of each side that have a counterpart on the other.

    Attributes:
        old_matched: (D,) bool.
        new_matched: (E,) bool.
        pairs: (M, 2) int64: rows of the old and of the new detections.
    """

    old_matched: BoolArray
    new_matched: BoolArray
    pairs: IntArray

    def n_unmatched(self) -> int:
        """Count detections of either side without a counterpart."""
        return int((~self.old_matched).sum() + (~self.new_matched).sum())


def match_detections(
    old_xyxy: FloatArray,
    old_scores: FloatArray,
    new_xyxy: FloatArray,
    new_scores: FloatArray,
    *,
    min_overlap: float = MATCH_OVERLAP,
    max_score_difference: float = MATCH_SCORE,
) -> DetectionMatch:
    """Pair detections of one image, each with at most one of the other side.

    Greedy over falling overlap (widths and heights + 1, the convention of the model's NMS).

    Args:
        old_xyxy: (D, 4) pixels.
        old_scores: (D,).
        new_xyxy: (E, 4) pixels.
        new_scores: (E,).
    """
    overlap = overlap_matrix(old_xyxy, new_xyxy, extra_px=PLUS_ONE)
    difference = np.abs(old_scores[:, None] - new_scores[None, :])
    rows, columns = np.nonzero((overlap >= min_overlap) & (difference <= max_score_difference))
    old_matched = np.zeros(len(old_xyxy), dtype=bool)
    new_matched = np.zeros(len(new_xyxy), dtype=bool)
    pairs = []
    for i in np.argsort(-overlap[rows, columns], kind="stable"):
        row, column = rows[i], columns[i]
        if not old_matched[row] and not new_matched[column]:
            old_matched[row] = new_matched[column] = True
            pairs.append((row, column))
    return DetectionMatch(old_matched, new_matched, np.array(pairs, dtype=np.int64).reshape(-1, 2))
