"""Compute WIDER FACE average precision: count each image, add the counts, integrate; no I/O.

The protocol is that of the official Matlab code (WIDER FACE, Yang et al. 2016, `eval_tools`):
detections sorted by score, min-max normalised over the whole set, matched at an overlap of 0.5 with
widths and heights + 1, counted at 1000 thresholds. Given the score range of the whole set, the
counts of an image depend on that image alone, so they add up over shards and can be resampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retinaface.typing import BoolArray, FloatArray, IntArray
from retinaface.widerface.counting.matching import match_image
from retinaface.widerface.ground_truth import ALL_FACES, SPLITS, GroundTruth

N_THRESHOLDS = 1000
# 1 - (t + 1) / 1000 for t = 0..999, in the official order of operations.
THRESHOLDS = 1 - (np.arange(N_THRESHOLDS) + 1) / N_THRESHOLDS


class ScoredBoxes(Protocol):
    """Detections of one image in the official form."""

    @property
    def boxes_xywh(self) -> FloatArray:
        """Give (D, 4) float64: left, top, width, height."""

    @property
    def scores(self) -> FloatArray:
        """Give (D,) float64."""


@dataclass(frozen=True)
class ScoreRange:
    """Lowest and highest score of a whole set of detections."""

    low: float
    high: float

    def normalise(self, scores: FloatArray) -> FloatArray:
        """Map scores to [0, 1]; an empty range makes all NaN, which gives AP 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((scores - self.low) / (self.high - self.low))


def score_range(scores: Iterable[FloatArray]) -> ScoreRange:
    """Find the range over a whole set; start from 1 and 0, as the official code does."""
    low, high = 1.0, 0.0
    for array in scores:
        if len(array):
            low, high = min(low, float(array.min())), max(high, float(array.max()))
    return ScoreRange(low, high)


@dataclass(frozen=True)
class Counts:
    """True and false positives of a list of images, stored by detection.

    A detection enters at its `threshold_index` and stays, so counts at all thresholds are running
    sums. A set takes a few bytes for each detection instead of 48 kB for each image.

    S splits are easy, medium and hard, or all faces alone.

    Attributes:
        n_faces: (I, S) int32: faces of each image that count in each split.
        image_index: (D,) int32: the detection's row of `n_faces`.
        threshold_index: (D,) int16: first threshold at which the detection counts, in 0..999.
        is_proposal: (D, S) bool: whether it counts as a detection (does not hit an ignored face).
        is_hit: (D, S) bool: whether it is the first to find a face that counts.
    """

    n_faces: IntArray
    image_index: IntArray
    threshold_index: IntArray
    is_proposal: BoolArray
    is_hit: BoolArray

    @property
    def n_images(self) -> int:
        """Count the images, including those without a detection."""
        return len(self.n_faces)

    @property
    def splits(self) -> tuple[str, ...]:
        """Name the splits, column by column."""
        return splits_of(self.n_faces.shape[1])


def splits_of(n: int) -> tuple[str, ...]:
    """Name n splits, column by column."""
    return ALL_FACES if n == len(ALL_FACES) else SPLITS


def threshold_indices(scores: FloatArray, scores_range: ScoreRange) -> IntArray:
    """Find the first threshold at which each score counts; `N_THRESHOLDS` for none."""
    # NaN sorts behind all.
    return np.searchsorted(-THRESHOLDS, -scores_range.normalise(scores), side="left")


def count_image(
    boxes_xywh: FloatArray,
    scores: FloatArray,
    faces_xywh: FloatArray,
    counted: BoolArray,
    scores_range: ScoreRange,
) -> Counts:
    """Count one image.

    Args:
        boxes_xywh: (D, 4) pixels, in any order.
        scores: (D,).
        faces_xywh: (F, 4) pixels.
        counted: (F, S): whether a face counts in each split; otherwise it is ignored there.
        scores_range: Score range of the whole set of detections.

    Returns:
        Counts of one image, without detections with a normalised score below 0 or NaN.
    """
    found = match_image(boxes_xywh, scores, faces_xywh, counted)
    first = threshold_indices(found.scores, scores_range)
    used = first < N_THRESHOLDS
    return Counts(
        found.n_faces[None],
        np.zeros(int(used.sum()), dtype=np.int32),
        first[used].astype(np.int16),
        found.is_proposal[used],
        found.is_hit[used],
    )


def add_counts(parts: Sequence[Counts]) -> Counts:
    """Join counts of disjoint images, which must use the same score range."""
    offsets = np.cumsum([0, *(part.n_images for part in parts)])
    index = [part.image_index + start for part, start in zip(parts, offsets[:-1], strict=True)]
    return Counts(
        np.concatenate([part.n_faces for part in parts]),
        np.concatenate(index).astype(np.int32),
        np.concatenate([part.threshold_index for part in parts]),
        np.concatenate([part.is_proposal for part in parts]),
        np.concatenate([part.is_hit for part in parts]),
    )


@dataclass(frozen=True)
class Totals:
    """What AP follows from: sums over all images, of a size that does not grow with them.

    Attributes:
        n_faces: (S,) int: faces that count.
        n_proposals: (1000, S) int: proposals that enter at each threshold.
        n_hits: (1000, S) int: hits that enter at each threshold.
    """

    n_faces: IntArray
    n_proposals: IntArray
    n_hits: IntArray


def entering(threshold_index: IntArray, is_counted: BoolArray) -> IntArray:
    """Count the detections that enter at each threshold.

    Args:
        threshold_index: (D,) in 0..999.
        is_counted: (D, S).

    Returns:
        (1000, S) int.
    """
    columns = [np.bincount(threshold_index[mask], minlength=N_THRESHOLDS) for mask in is_counted.T]
    return np.stack(columns, axis=1)


def total(counts: Counts) -> Totals:
    """Sum counts over their images."""
    proposals, hits = (
        entering(counts.threshold_index, mask) for mask in (counts.is_proposal, counts.is_hit)
    )
    return Totals(counts.n_faces.sum(axis=0), proposals, hits)


def precision_recall(counts: Counts | Totals) -> tuple[FloatArray, FloatArray]:
    """Compute precision and recall of each split at each threshold.

    Returns:
        Two (1000, S) float64 arrays. Precision is 0 where there is no detection yet, recall is 0
        where a split has no faces.
    """
    totals = counts if isinstance(counts, Totals) else total(counts)
    proposals = totals.n_proposals.cumsum(axis=0).astype(np.float64)
    hits = totals.n_hits.cumsum(axis=0).astype(np.float64)
    n_faces = np.broadcast_to(totals.n_faces, hits.shape)
    precision = np.divide(hits, proposals, out=np.zeros_like(hits), where=proposals > 0)
    recall = np.divide(hits, n_faces, out=np.zeros_like(hits), where=n_faces > 0)
    return precision, recall


def average_precision(counts: Counts | Totals) -> dict[str, float]:
    """Compute the area under precision over recall, with the envelope of Pascal VOC 2010.

    Returns:
        AP of each split, as a fraction in [0, 1].
    """
    precision, recall = precision_recall(counts)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    steps = np.diff(recall, axis=0, prepend=0.0)
    splits = splits_of(recall.shape[1])
    return dict(zip(splits, (steps * envelope).sum(axis=0).tolist(), strict=True))


def count_set(predictions: Mapping[str, ScoredBoxes], truth: GroundTruth) -> Counts:
    """Count all images of a ground truth; an image without predictions has all faces missed.

    Args:
        predictions: Predictions by image id; those of other images are ignored.
        truth: The images that make up the set.

    Returns:
        Counts in the order of `truth.images`.
    """
    there = {image: predictions[image] for image in truth.images if image in predictions}
    whole = score_range(p.scores for p in there.values())
    nothing_boxes, nothing_scores = np.zeros((0, 4)), np.zeros(0)
    parts = []
    for image, faces, counted in zip(truth.images, truth.faces_xywh, truth.counted, strict=True):
        found = there.get(image)
        boxes = nothing_boxes if found is None else found.boxes_xywh
        scores = nothing_scores if found is None else found.scores
        parts.append(count_image(boxes, scores, faces, counted, whole))
    return add_counts(parts)
