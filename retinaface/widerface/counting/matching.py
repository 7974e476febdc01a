"""Match the detections of one image with its faces, as the official protocol does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retinaface.detection.boxes import PLUS_ONE, overlap_matrix, xyxy_from_xywh
from retinaface.typing import BoolArray, FloatArray, IntArray

MATCH_OVERLAP = 0.5
# Overlaps that are computed at once, which takes 50 MB; usual images have a few thousand in all.
_AT_ONCE = 1 << 20


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
    best, overlap = _best_faces(boxes, faces_xywh.astype(np.float64))
    matched = overlap >= MATCH_OVERLAP
    first_match = np.zeros(len(best), dtype=bool)
    rows = np.flatnonzero(matched)
    first_match[rows[np.unique(best[rows], return_index=True)[1]]] = True
    counts_here = counted[best]  # (D, S): whether the best face counts in this split
    is_proposal, is_hit = ~matched[:, None] | counts_here, first_match[:, None] & counts_here
    return Matched(n_faces, scores[order].astype(np.float64), is_proposal, is_hit)


def _best_faces(boxes_xywh: FloatArray, faces_xywh: FloatArray) -> tuple[IntArray, FloatArray]:
    """Find the face of the largest overlap for each detection, and the overlap: (D,) and (D,)."""
    boxes, faces = xyxy_from_xywh(boxes_xywh), xyxy_from_xywh(faces_xywh)
    n_rows = max(1, _AT_ONCE // len(faces))
    best: list[IntArray] = []
    overlap: list[FloatArray] = []
    for start in range(0, len(boxes), n_rows):
        overlaps = overlap_matrix(boxes[start : start + n_rows], faces, extra_px=PLUS_ONE)
        best.append(overlaps.argmax(axis=1))  # (rows, F)
        overlap.append(overlaps.max(axis=1))
    return np.concatenate(best), np.concatenate(overlap)
