"""Find what changed between two sets of detections, image by image: lost, gained, moved, and why.

A detection may come or go because it stands at a limit (the score limit, the overlap limit of the
suppression, two scores in a tie): a harmless flip. One that none of these explains is breakage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from retinaface.checks.detection_matching import MATCH_OVERLAP, MATCH_SCORE, match_detections
from retinaface.checks.offsets.of_pairs import PairOffsets, offsets_of_pairs
from retinaface.detection.boxes import PLUS_ONE, overlap_matrix
from retinaface.detection.detections import Detections
from retinaface.network.config import NMS_OVERLAP_LIMIT, SCORE_LIMIT
from retinaface.telling.visible import visible
from retinaface.typing import FloatArray

# How far from its limit a flip may stand: in score as in a match, in overlap as boxes move in one.
FLIP_SCORE = MATCH_SCORE
FLIP_OVERLAP = 0.05
# FP16 moves a score by up to 0.024 on photographs (the subset, four pipelines).
DRIFT_SCORE = 0.03
_SAME_OVERLAP = 0.8
# Detections at the score limit come and go with the last bit; compare what is clear of it.
COMPARE_ABOVE = 0.03


@dataclass(frozen=True)
class Change:
    """One detection without a counterpart.

    Attributes:
        kind: `lost` (in the old set alone), `gained` (in the new set alone), `moved` (both sets
            have one there, but box or score differ by more than a match allows).
        box_xyxy: In pixels.
        score_change: The new score minus the old where it moved; else NaN.
        overlap: Of the old and the new box where it moved; else 0.
        to_score_limit: Its score minus the score limit.
        to_overlap_limit: Its largest overlap with a better box of the other side, minus the limit
            of the suppression; NaN where there is no better box.
        cause: Why nothing need be broken: `score limit`, `overlap limit`, `tie` (of two boxes
            with nearly the same score the other was kept), `drift` (moved a little), `chain` (a
            box that came or went for one of these causes suppresses it, or no longer does); else
            empty.
    """

    image: str
    kind: str
    score: float
    box_xyxy: tuple[float, ...]
    score_change: float
    overlap: float
    to_score_limit: float
    to_overlap_limit: float
    cause: str

    @property
    def is_unexplained(self) -> bool:
        """Tell whether nothing harmless explains it."""
        return not self.cause

    def __str__(self) -> str:
        box = ", ".join(f"{value:.1f}" for value in self.box_xyxy)
        how = (
            f" by {self.score_change:+.4f} in score, overlap {self.overlap:.3f}"
            if self.kind == "moved"
            else ""
        )
        return (
            f"{visible(self.image)}: {self.kind}{how}, score {self.score:.4f}, box [{box}] px, "
            f"{self.to_score_limit:+.4f} from the score limit, {self.to_overlap_limit:+.3f} from "
            f"the overlap limit: {self.cause or 'UNEXPLAINED'}"
        )


@dataclass(frozen=True)
class ImageDifference:
    """The changes in one image, among detections clear of the score limit.

    Attributes:
        n_compared: Detections of both sides above `COMPARE_ABOVE`.
        changes: Those without a counterpart.
        landmark_shifts: (M,) of each pair: largest distance of a landmark, in mean box sides.
        offsets: Signed ones of each pair.
    """

    image: str
    n_compared: int
    changes: tuple[Change, ...]
    landmark_shifts: FloatArray
    offsets: PairOffsets

    @property
    def rank(self) -> tuple[int, int, float]:
        """Order images by how much changed: unexplained changes, all changes, the surest score."""
        n_unexplained = sum(change.is_unexplained for change in self.changes)
        return n_unexplained, len(self.changes), max(change.score for change in self.changes)


def image_difference(image: str, old: Detections, new: Detections) -> ImageDifference:
    """Compare the detections of one image.

    A counterpart may have any score: a pair across `COMPARE_ABOVE` is a pair.
    """
    match = match_detections(old.boxes_xyxy, old.scores, new.boxes_xyxy, new.scores)
    sides = (
        (old, new, match.old_matched, "lost"),
        (new, old, match.new_matched, "gained"),
    )
    lost, gained = (
        [
            _change(image, own, other, int(row), kind)
            for row in np.flatnonzero(~matched & (own.scores > COMPARE_ABOVE))
        ]
        for own, other, matched, kind in sides
    )
    changes = follow_chains(lost, gained)
    rows, columns = match.pairs[:, 0], match.pairs[:, 1]
    clear = old.scores[rows] > COMPARE_ABOVE
    rows, columns = rows[clear], columns[clear]
    offsets = offsets_of_pairs(old, new, rows, columns)
    moves = offsets.landmarks_px  # (M, 5, 2)
    shifts = np.linalg.norm(moves, axis=2).max(axis=1, initial=0.0) / offsets.sides_px
    n_compared = sum(int((d.scores > COMPARE_ABOVE).sum()) for d in (old, new))
    return ImageDifference(image, n_compared, tuple(changes), shifts, offsets)


def _change(image: str, own: Detections, other: Detections, row: int, kind: str) -> Change:
    box, score = own.boxes_xyxy[row], float(own.scores[row])
    overlap = overlap_matrix(box[None], other.boxes_xyxy, extra_px=PLUS_ONE)[0]  # (E,)
    twin = int(overlap.argmax()) if overlap.size else -1
    moved = twin >= 0 and overlap[twin] >= _SAME_OVERLAP
    sign = 1.0 if kind == "lost" else -1.0
    change = sign * (float(other.scores[twin]) - score) if moved else float("nan")
    better = other.scores >= score - FLIP_SCORE
    if moved:
        better[twin] = False
    to_overlap = float(overlap[better].max() - NMS_OVERLAP_LIMIT) if better.any() else float("nan")
    drifted = moved and overlap[twin] >= MATCH_OVERLAP - FLIP_OVERLAP and abs(change) <= DRIFT_SCORE
    return Change(
        image=image,
        kind="moved" if moved else kind,
        score=score,
        box_xyxy=tuple(float(value) for value in box),
        score_change=change,
        overlap=float(overlap[twin]) if moved else 0.0,
        to_score_limit=score - SCORE_LIMIT,
        to_overlap_limit=to_overlap,
        cause="drift" if drifted else _cause(own, other, row, overlap),
    )


def _cause(own: Detections, other: Detections, row: int, overlap: FloatArray) -> str:
    """Say why a detection may have come or gone without anything being broken."""
    score = own.scores[row]
    if score <= COMPARE_ABOVE + FLIP_SCORE:  # what is compared stands clear of the limit itself
        return "score limit"
    # Two boxes of nearly one score that suppress each other: which is kept is a matter of order.
    tied = np.abs(other.scores - score) <= DRIFT_SCORE
    if (overlap[tied] > NMS_OVERLAP_LIMIT - FLIP_OVERLAP).any():
        return "tie"
    # A better box suppresses it there by a hair, and lets it live here by a hair.
    own_overlap = overlap_matrix(own.boxes_xyxy[row][None], own.boxes_xyxy, extra_px=PLUS_ONE)[0]
    here = own_overlap[own.scores > score].max(initial=0.0)
    there = overlap[other.scores >= score - FLIP_SCORE].max(initial=0.0)
    if here >= NMS_OVERLAP_LIMIT - FLIP_OVERLAP and abs(there - NMS_OVERLAP_LIMIT) <= FLIP_OVERLAP:
        return "overlap limit"
    return ""


def follow_chains(lost: list[Change], gained: list[Change]) -> list[Change]:
    """Find the consequences of flips: a box that came suppresses a third, one that went did so.

    A change that nothing explains is a consequence where a better box of the other side overlaps it
    enough to suppress it, and itself comes or goes for a known cause.

    Args:
        lost: Old detections without a counterpart.
        gained: New detections without a counterpart.

    Returns:
        Both, lost ones first; the cause of a consequence is `chain`.
    """
    sides = (lost, gained)
    boxes = [np.array([c.box_xyxy for c in side], np.float64).reshape(-1, 4) for side in sides]
    scores = [np.array([c.score for c in side], np.float64) for side in sides]
    is_explained = [np.array([not c.is_unexplained for c in side], bool) for side in sides]
    overlaps = overlap_matrix(boxes[0], boxes[1], extra_px=PLUS_ONE) > (
        NMS_OVERLAP_LIMIT - FLIP_OVERLAP
    )  # (lost, gained)
    suppressed_by = [
        overlaps & (scores[1][None, :] >= scores[0][:, None] - FLIP_SCORE),
        overlaps.T & (scores[0][None, :] >= scores[1][:, None] - FLIP_SCORE),
    ]
    n_before = -1
    while (n := int(sum(side.sum() for side in is_explained))) != n_before:
        n_before = n
        for own, other in ((0, 1), (1, 0)):
            is_explained[own] |= suppressed_by[own][:, is_explained[other]].any(axis=1)
    return [
        replace(change, cause="chain")
        if change.is_unexplained and is_explained[side][i]
        else change
        for side, changes in enumerate(sides)
        for i, change in enumerate(changes)
    ]


def differences(
    old: Mapping[str, Detections], new: Mapping[str, Detections]
) -> list[ImageDifference]:
    """Compare image by image; an image that one side lacks has no detections there."""
    nothing = Detections.none()
    images = dict.fromkeys([*old, *new])
    return [
        image_difference(image, old.get(image, nothing), new.get(image, nothing))
        for image in images
    ]
