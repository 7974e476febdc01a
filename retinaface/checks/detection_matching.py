"""Which detections of two sets are the same: each with at most one counterpart."""

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
    """Which detections of each side have a counterpart on the other.

    Attributes:
        reference_matched: (D,) bool.
        candidate_matched: (E,) bool.
        pairs: (M, 2) int64: rows of reference and candidate.
    """

    reference_matched: BoolArray
    candidate_matched: BoolArray
    pairs: IntArray

    def n_unmatched(self) -> int:
        """Detections of either side without a counterpart."""
        return int((~self.reference_matched).sum() + (~self.candidate_matched).sum())


def match_detections(
    reference_xyxy: FloatArray,
    reference_scores: FloatArray,
    candidate_xyxy: FloatArray,
    candidate_scores: FloatArray,
    *,
    min_overlap: float = MATCH_OVERLAP,
    max_score_difference: float = MATCH_SCORE,
) -> DetectionMatch:
    """Pair detections of one image, each with at most one of the other side.

    Greedy over falling overlap (widths and heights + 1, the convention of the model's NMS).

    Args:
        reference_xyxy: (D, 4) pixels.
        reference_scores: (D,).
        candidate_xyxy: (E, 4) pixels.
        candidate_scores: (E,).
        min_overlap: Least overlap of a pair.
        max_score_difference: Largest difference of the scores of a pair.
    """
    overlap = overlap_matrix(reference_xyxy, candidate_xyxy, extra_px=PLUS_ONE)
    difference = np.abs(reference_scores[:, None] - candidate_scores[None, :])
    rows, columns = np.nonzero((overlap >= min_overlap) & (difference <= max_score_difference))
    reference_matched = np.zeros(len(reference_xyxy), dtype=bool)
    candidate_matched = np.zeros(len(candidate_xyxy), dtype=bool)
    pairs = []
    for i in np.argsort(-overlap[rows, columns], kind="stable"):
        row, column = rows[i], columns[i]
        if not reference_matched[row] and not candidate_matched[column]:
            reference_matched[row] = candidate_matched[column] = True
            pairs.append((row, column))
    return DetectionMatch(
        reference_matched, candidate_matched, np.array(pairs, dtype=np.int64).reshape(-1, 2)
    )
