"""Compute how sure a difference is: by resampling images in pairs for AP, samples for speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retinaface.typing import BoolArray, FloatArray, IntArray
from retinaface.widerface.average_precision import N_THRESHOLDS, Counts

N_RESAMPLES = 1000
CONFIDENCE = 0.95
_SEED = 20_261_123


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def image_weights(n_images: int, n_resamples: int = N_RESAMPLES, seed: int = _SEED) -> FloatArray:
    """Draw how often each image occurs in each resample.

    Returns:
        (n_resamples, n_images) float32; each row adds up to `n_images`.
    """
    rng = np.random.default_rng(seed)
    even = np.full(n_images, 1 / n_images)
    return rng.multinomial(n_images, even, size=n_resamples).astype(np.float32)


def image_curves(counts: Counts, split: int) -> tuple[FloatArray, FloatArray]:
    """Compute detections and faces found in each image, down to each threshold.

    Args:
        counts: Of I images.
        split: Column of `counts.splits`.

    Returns:
        Two (I, 1000) float32 arrays.
    """
    shape = (counts.n_images, N_THRESHOLDS)
    flat = counts.image_index.astype(np.int64) * N_THRESHOLDS + counts.threshold_index

    def curve(mask: BoolArray) -> FloatArray:
        increments = np.bincount(flat[mask], minlength=shape[0] * shape[1])
        return increments.reshape(shape).cumsum(axis=1).astype(np.float32)

    return curve(counts.is_proposal[:, split]), curve(counts.is_hit[:, split])


def ap_from_curves(proposals: FloatArray, hits: FloatArray, n_faces: FloatArray) -> FloatArray:
    """Compute AP of many sets at once, by the rule of `widerface.average_precision`.

    Args:
        proposals: (R, 1000) detections at each threshold.
        hits: (R, 1000) faces found at each threshold.
        n_faces: (R,) faces that count.

    Returns:
        (R,) float64, fractions; 0 where there is no face.
    """
    hits = hits.astype(np.float64)
    precision = np.divide(hits, proposals, out=np.zeros_like(hits), where=proposals > 0)
    faces = np.broadcast_to(n_faces[:, None], hits.shape)
    recall = np.divide(hits, faces, out=np.zeros_like(hits), where=faces > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(recall, axis=1, prepend=0.0)
    return np.asarray((steps * envelope).sum(axis=1))


def paired_ap_intervals(
    old: Counts,
    new: Counts,
    *,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Compute the interval of AP(new) - AP(old), by drawing the same images for both.

    Percentile bootstrap (Efron & Tibshirani 1993, chapter 13). Score ranges stay those of the
    whole sets.

    Args:
        old: Counts of I images.
        new: Counts of the same images in the same order.

    Returns:
        By split, as fractions.

    Raises:
        ValueError: The two cover different images.
    """
    if not np.array_equal(old.n_faces, new.n_faces):
        raise ValueError(
            f"cannot pair AP by image: expected the same images and faces on both sides, got "
            f"{old.n_images} and {new.n_images} images, or different numbers of faces"
        )
    weights = image_weights(old.n_images, n_resamples)
    # The first row is the set itself.
    weights = np.concatenate([np.ones((1, old.n_images), np.float32), weights])
    result = {}
    for split, name in enumerate(old.splits):
        faces = weights @ old.n_faces[:, split].astype(np.float32)
        ap = []
        for counts in (old, new):
            proposals, hits = image_curves(counts, split)
            ap.append(ap_from_curves(weights @ proposals, weights @ hits, faces))
        difference = ap[1] - ap[0]
        tail = (1 - confidence) / 2
        low, high = np.quantile(difference[1:], [tail, 1 - tail])
        result[name] = Interval(float(difference[0]), float(low), float(high))
    return result


def image_costs(old: Counts, new: Counts) -> FloatArray:
    """Compute what each image alone does to AP: the set with only its counts exchanged.

    Args:
        old: Counts of I images.
        new: Counts of the same images in the same order.

    Returns:
        (I, S) float64: AP with the new counts of one image, minus AP of the old counts.
    """
    costs = np.zeros((old.n_images, len(old.splits)))
    changed = _changed_images(old, new)
    for split in range(len(old.splits)):
        (p_old, h_old), (p_new, h_new) = (image_curves(counts, split) for counts in (old, new))
        faces = np.full(1, old.n_faces[:, split].sum(), dtype=np.float64)
        proposals, hits = p_old.sum(axis=0), h_old.sum(axis=0)
        whole = ap_from_curves(proposals[None], hits[None], faces)[0]
        for i in changed:
            one = ap_from_curves(
                (proposals + p_new[i] - p_old[i])[None], (hits + h_new[i] - h_old[i])[None], faces
            )
            costs[i, split] = one[0] - whole
    return costs


def _changed_images(old: Counts, new: Counts) -> IntArray:
    """Find the images whose counts differ at all."""

    def rows(counts: Counts) -> dict[int, bytes]:
        table = np.column_stack(
            [counts.threshold_index, counts.is_proposal, counts.is_hit]
        )  # (D, 7)
        starts = np.searchsorted(counts.image_index, np.arange(counts.n_images + 1))
        return {i: table[starts[i] : starts[i + 1]].tobytes() for i in range(counts.n_images)}

    before, after = rows(old), rows(new)
    return np.array([i for i in before if before[i] != after[i]], dtype=np.int64)


def mean_ratio_interval(ratios: FloatArray, confidence: float = CONFIDENCE) -> Interval:
    """Compute the interval of the geometric mean of a few independent ratios.

    It is Student's t of their logarithms.

    Args:
        ratios: (N,), N >= 2, > 0; one for each repetition of the whole measurement.

    Raises:
        ValueError: There are fewer than two, or not all are positive and finite.
    """
    if ratios.size < 2 or not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ValueError(f"mean_ratio_interval: expected 2 or more positive ratios, got {ratios!r}")
    from scipy.special import stdtrit  # here: it takes longer to import than all else

    logs = np.log(ratios)
    standard_error = logs.std(ddof=1) / np.sqrt(ratios.size)
    half = stdtrit(ratios.size - 1, (1 + confidence) / 2) * standard_error
    low, estimate, high = np.exp(logs.mean() + np.array([-half, 0.0, half]))
    return Interval(float(estimate), float(low), float(high))


def ratio_interval(
    old: FloatArray,
    new: FloatArray,
    *,
    n_resamples: int = 4000,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Compute the interval of median(new) / median(old), by bootstrap of each side.

    Args:
        old: (N,) samples, > 0.
        new: (M,) samples, > 0.

    Raises:
        ValueError: A side is empty, or not all of it is positive and finite.
    """
    rng = np.random.default_rng(_SEED)
    medians = []
    for side in (old, new):
        if side.size == 0 or not (np.isfinite(side) & (side > 0)).all():
            raise ValueError(f"ratio_interval: expected positive samples, got {side!r}")
        drawn = rng.integers(0, len(side), size=(n_resamples, len(side)))
        medians.append(np.median(side[drawn], axis=1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(medians[1] / medians[0], [tail, 1 - tail])
    return Interval(float(np.median(new) / np.median(old)), float(low), float(high))


def in_blocks(values: FloatArray, most: int) -> FloatArray:
    """Let medians of neighbours stand for a long series.

    Args:
        values: (N,), in their order.
        most: Blocks; a shorter series stays as it is.

    Returns:
        (min(N, most),)
    """
    if len(values) <= most:
        return values
    return np.array([np.median(block) for block in np.array_split(values, most)])
