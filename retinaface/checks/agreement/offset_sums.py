"""Mean offsets of detections from sums over images, which add up over shards."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.checks.ap_changes import FACE_SIZES_PX
from retinaface.checks.intervals import CONFIDENCE, Interval
from retinaface.checks.offsets.judged import MeanOffset, Precisions, allowed_offsets, reach_of
from retinaface.checks.offsets.means import drawn_in
from retinaface.checks.offsets.of_pairs import QUANTITIES, PairOffsets
from retinaface.checks.offsets.sizes import MIN_IMAGES, MIN_PAIRS, SizeRange
from retinaface.typing import FloatArray

# All faces first, then those of each size.
_SIZES = tuple(itertools.pairwise(FACE_SIZES_PX))
RANGES = (
    SizeRange(0, None),
    *(SizeRange(low, None if high == FACE_SIZES_PX[-1] else high) for low, high in _SIZES),
)


@dataclass(frozen=True)
class OffsetSums:
    """Sums over images of the offsets of their pairs, for each of `RANGES` (G) and quantity (Q).

    An image has, in each range, a number of pairs and a sum of their offsets as shares of what is
    allowed.

    Attributes:
        n_images: (G,) images with a pair.
        pairs: (G,) sum of pairs.
        pairs_pairs: (G,) sum of squares of pairs.
        values: (G, Q) sum of sums of offsets.
        values_values: (G, Q) sum of their squares.
        values_pairs: (G, Q) sum of products.
        inverse_allowed: (G, Q) sum over pairs of 1 / allowed.
    """

    n_images: FloatArray
    pairs: FloatArray
    pairs_pairs: FloatArray
    values: FloatArray
    values_values: FloatArray
    values_pairs: FloatArray
    inverse_allowed: FloatArray

    def __add__(self, other: OffsetSums) -> OffsetSums:
        """Add the sums of other images."""
        mine, theirs = vars(self), vars(other)
        return OffsetSums(**{name: mine[name] + theirs[name] for name in mine})


def sum_offsets(found: Sequence[PairOffsets], precisions: Precisions) -> OffsetSums:
    """Sum the offsets of images of one shard.

    A pair of another prior is drawn in towards the median of its range in this shard, as
    `mean_offsets` does over a whole set.

    Args:
        found: Of each image.
        precisions: Of the old and of the new detections.
    """
    n, none = len(found), np.zeros((0, len(QUANTITIES)))
    images = np.repeat(np.arange(n), [len(one.heights_px) for one in found])
    heights = np.concatenate([np.zeros(0), *(one.heights_px for one in found)])
    sides = np.concatenate([np.zeros(0), *(one.sides_px for one in found)])
    values = np.concatenate([none, *(one.values for one in found)])
    allowed = allowed_offsets(sides, precisions)
    shares, reach = values / allowed, reach_of(sides, allowed)
    columns = []
    for sizes in RANGES:
        mask = (heights >= sizes.from_px) & (heights < (sizes.to_px or np.inf))
        pairs, sums = np.zeros(n), np.zeros((n, len(QUANTITIES)))
        np.add.at(pairs, images[mask], 1)
        if mask.any():
            np.add.at(sums, images[mask], drawn_in(shares[mask], reach[mask]))
        columns.append(
            (
                (pairs > 0).sum(dtype=np.float64),
                pairs.sum(),
                (pairs**2).sum(),
                sums.sum(axis=0),
                (sums**2).sum(axis=0),
                (sums * pairs[:, None]).sum(axis=0),
                (1 / allowed[mask]).sum(axis=0),
            )
        )
    return OffsetSums(*(np.array(column) for column in zip(*columns, strict=True)))


def means_of_sums(sums: OffsetSums) -> list[MeanOffset]:
    """Give the mean of each quantity over all faces, and over those of each size with enough pairs.

    Intervals are those of `offsets.means.clustered_means`, the images being the clusters, and hold
    together at `CONFIDENCE` (Bonferroni). None where fewer than two images have a pair.
    """
    enough = (sums.pairs >= MIN_PAIRS) & (sums.n_images >= MIN_IMAGES)
    enough[0] = sums.n_images[0] >= 2
    chosen = np.flatnonzero(enough)
    if not len(chosen):
        return []
    from scipy.special import stdtrit  # here: it takes longer to import than all else

    confidence = 1 - (1 - CONFIDENCE) / (len(chosen) * len(QUANTITIES))
    means = []
    for g in chosen:
        n, pairs = sums.n_images[g], sums.pairs[g]
        share = sums.values[g] / pairs  # (Q,)
        residuals = (
            sums.values_values[g]
            - 2 * share * sums.values_pairs[g]
            + share**2 * sums.pairs_pairs[g]
        )
        error = np.sqrt(np.maximum(residuals, 0.0) * n / (n - 1)) / pairs
        half = stdtrit(n - 1, (1 + confidence) / 2) * error
        scale = pairs / sums.inverse_allowed[g]  # the harmonic mean of what is allowed
        ends = np.stack([share, share - half, share + half]) * scale
        for q, quantity in enumerate(QUANTITIES):
            mean = Interval(*ends[:, q].tolist())
            means.append(MeanOffset(quantity, RANGES[g], mean, float(scale[q]), int(pairs), int(n)))
    return means


def mean_score_offset(sums: OffsetSums) -> float | None:
    """Give the mean of new scores minus old ones over all pairs; None where there is none."""
    if not sums.pairs[0]:
        return None
    column = next(i for i, quantity in enumerate(QUANTITIES) if quantity.kind == "score")
    return float(sums.values[0, column] / sums.inverse_allowed[0, column])
