"""Match the detections of one image with its faces, as the official protocol does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retinaface.detection.boxes import PLUS_ONE, overlap_matrix, xyxy_from_xywh
from retinaface.typing import BoolArray, FloatArray, IntArray

MATCH_OVERLAP = 0.5


@dataclass(frozen=True)
class Matched:
    """One image's detections beside its faces; it does not depend on the range of scores.

    Attributes:
        n_faces: (S,) int32: faces that count in each split.
        scores: (D,) float64, best first. Empty for an image without annotated faces, which gives
            no false positives: the official code skips it.
        is_proposal: (D, S) bool, as in `Counts`.
        is_hit: (D, S) bool, as in `Counts`.
    """

    n_faces: IntArray
    scores: FloatArray
    is_proposal: BoolArray
    is_hit: BoolArray


def match_image(
    boxes_xywh: FloatArray, scores: FloatArray, faces_xywh: FloatArray, counted: BoolArray
) -> Matched:
    """Match the detections of one image with its faces; for arguments see `count_image`."""
    n_faces = counted.sum(axis=0, dtype=np.int32)  # (S,)
    if not len(faces_xywh) or not len(scores):
        nothing = np.zeros((0, counted.shape[1]), dtype=bool)
        return Matched(n_faces, np.zeros(0), nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    boxes = boxes_xywh[order].astype(np.float64)
    overlaps = overlap_matrix(
        xyxy_from_xywh(boxes), xyxy_from_xywh(faces_xywh.astype(np.float64)), extra_px=PLUS_ONE
    )  # (D, F)
    best = overlaps.argmax(axis=1)
    matched = overlaps[np.arange(len(best)), best] >= MATCH_OVERLAP
    first_match = np.zeros(len(best), dtype=bool)
    rows = np.flatnonzero(matched)
    first_match[rows[np.unique(best[rows], return_index=True)[1]]] = True
    counts_here = counted[best]  # (D, S): whether the best face counts in this split
    is_proposal, is_hit = ~matched[:, None] | counts_here, first_match[:, None] & counts_here
    return Matched(n_faces, scores[order].astype(np.float64), is_proposal, is_hit)
