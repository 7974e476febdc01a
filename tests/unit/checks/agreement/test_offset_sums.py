"""Means from sums are those of the whole, with the same intervals."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from retinaface.checks.agreement.offset_sums import (
    RANGES,
    mean_score_offset,
    means_of_sums,
    sum_offsets,
)
from retinaface.checks.intervals import CONFIDENCE
from retinaface.checks.offsets.judged import allowed_offsets
from retinaface.checks.offsets.means import clustered_means
from retinaface.checks.offsets.of_pairs import QUANTITIES, PairOffsets

PRECISIONS = ("fp32", "fp16")


def images(n, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        sizes = rng.choice([8.0, 14.0, 40.0, 300.0], rng.integers(0, 12))
        noise = rng.normal(0, 0.01, (1, len(QUANTITIES))) + rng.normal(
            shift, 0.01, (len(sizes), len(QUANTITIES))
        )
        noise[:, 4] /= 100
        found.append(PairOffsets(sizes, sizes, noise))
    return found


def test_means_and_intervals_are_those_of_clustered_means():
    found = images(120)
    means = means_of_sums(sum_offsets(found, PRECISIONS))
    ranges = list(dict.fromkeys(str(m.group) for m in means))
    assert ranges == ["any size", "0-10 px", "10-16 px", "32-64 px", "128 px and more"]
    heights = np.concatenate([one.heights_px for one in found])
    values = np.concatenate([one.values for one in found])
    owner = np.repeat(np.arange(len(found)), [len(one.heights_px) for one in found])
    allowed = allowed_offsets(heights, PRECISIONS)
    confidence = 1 - (1 - CONFIDENCE) / len(means)
    for sizes in ranges:
        chosen = [m for m in means if str(m.group) == sizes]
        mask = (heights >= chosen[0].group.from_px) & (heights < (chosen[0].group.to_px or np.inf))
        expected, n = clustered_means((values / allowed)[mask], owner[mask], confidence)
        scales = 1 / (1 / allowed[mask]).mean(axis=0)
        assert (chosen[0].n_images, chosen[0].n_pairs) == (n, mask.sum())
        for one, want, scale in zip(chosen, expected, scales, strict=True):
            got = (one.mean.estimate, one.mean.low, one.mean.high, one.allowed)
            assert got == pytest.approx(
                (scale * want.estimate, scale * want.low, scale * want.high, scale), rel=1e-6
            )


def test_shards_add_up_in_any_order():
    found = images(90)
    shards = [sum_offsets(found[i : i + 30], PRECISIONS) for i in (0, 30, 60)]
    one, other = reduce(add, shards), reduce(add, reversed(shards))
    for name, values in vars(one).items():
        np.testing.assert_allclose(values, vars(other)[name], rtol=1e-12, atol=1e-15)
    whole = sum_offsets(found, PRECISIONS)
    np.testing.assert_allclose(one.values, whole.values, rtol=1e-9)
    np.testing.assert_allclose(one.values_values, whole.values_values, rtol=1e-9)


def test_a_pair_of_another_prior_is_drawn_in():
    sizes = np.full(50, 40.0)
    values = np.zeros((50, len(QUANTITIES)))
    values[3, 0] = 20.0
    sums = sum_offsets([PairOffsets(sizes, sizes, values)] * 2, ("fp32", "fp32"))
    assert means_of_sums(sums)[0].mean.estimate == pytest.approx(5 * 0.1 / 50)


def test_fewer_than_two_images_with_a_pair_have_no_mean():
    assert means_of_sums(sum_offsets([], PRECISIONS)) == []
    nothing = PairOffsets(np.zeros(0), np.zeros(0), np.zeros((0, len(QUANTITIES))))
    sums = sum_offsets([images(1, seed=1)[0], nothing], PRECISIONS)
    assert (sums.n_images[0] <= 1, means_of_sums(sums)) == (True, [])


def test_the_mean_of_scores_is_a_plain_one():
    found = images(40, shift=0.05)
    scores = np.concatenate([one.values[:, 4] for one in found])
    sums = sum_offsets(found, PRECISIONS)
    assert mean_score_offset(sums) == pytest.approx(scores.mean())
    assert mean_score_offset(sum_offsets([], PRECISIONS)) is None
    assert len(RANGES) == len(sums.pairs)
