from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinaface.checks.intervals import (
    ap_from_curves,
    image_costs,
    image_curves,
    image_weights,
    in_blocks,
    mean_ratio_interval,
    paired_ap_intervals,
    ratio_interval,
)
from retinaface.widerface.average_precision import add_counts, average_precision, precision_recall
from retinaface.widerface.ground_truth import SPLITS
from tests.support.widerface import fixed_range_counts, images

# Counts are whole numbers and exact in float32; what is left is the order of float64 sums.
SUMMATION = 1e-12


def scattered(n_images, seed, *, hit_share=0.9):
    """Images with faces in a row; some are found, some detections are beside them."""
    rng = np.random.default_rng(seed)
    items = []
    for _ in range(n_images):
        n = int(rng.integers(1, 6))
        faces = np.array([[100.0 * i, 0, 30, 30] for i in range(n)])
        beside = rng.random(n) > hit_share
        items.append(
            {
                "boxes": faces + np.outer(beside, [40.0, 0, 0, 0]),
                "scores": rng.permutation(np.linspace(0.1, 0.9, n)) + rng.random(n) / 100,
                "faces": faces,
                "counted": np.tile(rng.random((n, 1)) < [[0.4, 0.7, 1.0]], 1),
            }
        )
    return items


def without(items, *rows):
    """The same faces, but nothing detected in some images."""
    nothing = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0)}
    return [item | (nothing if i in rows else {}) for i, item in enumerate(items)]


def whole(items):
    return add_counts(fixed_range_counts(items))


@settings(max_examples=25)
@given(st.lists(images(), min_size=1, max_size=3))
def test_ap_from_curves_agrees_with_average_precision(sets):
    for split, name in enumerate(SPLITS):
        curves = [tuple(c.sum(axis=0) for c in image_curves(whole(s), split)) for s in sets]
        proposals, hits = (np.stack(side) for side in zip(*curves, strict=True))
        n_faces = np.array([whole(s).n_faces[:, split].sum() for s in sets])
        expected = [average_precision(whole(s))[name] for s in sets]
        found = ap_from_curves(proposals, hits, n_faces)
        np.testing.assert_allclose(found, expected, rtol=0, atol=SUMMATION)


@settings(max_examples=25)
@given(images())
def test_curves_of_images_are_those_of_each_alone_and_add_up(items):
    parts, joined = fixed_range_counts(items), whole(items)
    n_faces = joined.n_faces.sum(axis=0)
    precision, recall = precision_recall(joined)
    for split in range(len(SPLITS)):
        proposals, hits = image_curves(joined, split)
        assert proposals.shape == hits.shape == (len(items), 1000)
        for i, part in enumerate(parts):
            one = image_curves(part, split)
            np.testing.assert_array_equal(proposals[i], one[0][0])
            np.testing.assert_array_equal(hits[i], one[1][0])
        total = hits.sum(axis=0)
        np.testing.assert_allclose(precision[:, split] * proposals.sum(axis=0), total, atol=1e-9)
        np.testing.assert_allclose(recall[:, split] * n_faces[split], total, atol=1e-9)


def test_a_resample_draws_as_many_images_as_there_are():
    weights = image_weights(50, 400)
    assert weights.shape == (400, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert ((weights.mean(axis=0) > 0.7) & (weights.mean(axis=0) < 1.3)).all()
    np.testing.assert_array_equal(weights, image_weights(50, 400))
    assert len(np.unique(weights, axis=0)) == 400


def test_identical_counts_differ_by_nothing_at_all():
    counts = whole(scattered(20, 0))
    for interval in paired_ap_intervals(counts, counts, n_resamples=50).values():
        assert (interval.estimate, interval.low, interval.high) == (0, 0, 0)
    assert not image_costs(counts, counts).any()


def test_the_interval_is_that_of_a_slow_bootstrap():
    n, n_resamples = 15, 60
    old = fixed_range_counts(scattered(n, 1))
    new = fixed_range_counts(without(scattered(n, 1), 2, 7, 11))
    slow = {split: [] for split in SPLITS}
    for weights in image_weights(n, n_resamples):
        rows = np.repeat(np.arange(n), weights.astype(int))
        before, after = (average_precision(add_counts([s[i] for i in rows])) for s in (old, new))
        for split in SPLITS:
            slow[split].append(after[split] - before[split])
    counts = add_counts(old), add_counts(new)
    found = paired_ap_intervals(*counts, n_resamples=n_resamples, confidence=0.9)
    before, after = (average_precision(c) for c in counts)
    for split, interval in found.items():
        assert interval.estimate == pytest.approx(after[split] - before[split], abs=SUMMATION)
        expected = np.quantile(slow[split], [0.05, 0.95])
        assert [interval.low, interval.high] == pytest.approx(expected, abs=SUMMATION)
        assert interval.low < interval.estimate < interval.high


def test_an_interval_turns_with_the_sides():
    one, other = whole(scattered(15, 2)), whole(without(scattered(15, 2), 0, 3))
    there = paired_ap_intervals(one, other, n_resamples=40)
    back = paired_ap_intervals(other, one, n_resamples=40)
    for split in SPLITS:
        assert there[split].estimate == -back[split].estimate < 0
        assert there[split].low == pytest.approx(-back[split].high, abs=SUMMATION)


def test_pairing_takes_out_what_both_sides_share():
    """Without pairing, two halves of a set differ by far more than one image changes AP."""
    items = scattered(200, 3)
    interval = paired_ap_intervals(whole(items), whole(without(items, 5)), n_resamples=200)["hard"]
    apart = [average_precision(whole(half))["hard"] for half in (items[:100], items[100:])]
    assert 0 < interval.high - interval.low < abs(apart[0] - apart[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, n_faces=c.n_faces[::-1]),
        lambda c: add_counts([c, c]),
        lambda c: replace(c, n_faces=c.n_faces + np.int32([0, 0, 1])),
    ],
    ids=["order", "number", "faces"],
)
def test_sets_of_different_images_are_refused(change):
    counts = whole(scattered(9, 4))
    with pytest.raises(
        ValueError, match="cannot pair AP by image: expected the same .*, got 9 and "
    ):
        paired_ap_intervals(counts, change(counts), n_resamples=5)


def test_the_cost_of_one_changed_image_is_the_whole_difference():
    items = scattered(12, 5)
    old, new = whole(items), whole(without(items, 7))
    before, after = average_precision(old), average_precision(new)
    costs = image_costs(old, new)
    assert costs.shape == (12, 3)
    expected = np.zeros((12, 3))
    expected[7] = [after[split] - before[split] for split in SPLITS]
    assert expected[7].all()
    np.testing.assert_allclose(costs, expected, rtol=0, atol=SUMMATION)


@settings(max_examples=25)
@given(images(), st.data())
def test_the_cost_of_an_image_is_that_of_exchanging_its_counts_alone(items, data):
    other = without(items, *data.draw(st.sets(st.integers(0, len(items) - 1))))
    costs = image_costs(whole(items), whole(other))
    before = average_precision(whole(items))
    for i in range(len(items)):
        after = average_precision(whole([*items[:i], other[i], *items[i + 1 :]]))
        expected = [after[split] - before[split] for split in SPLITS]
        np.testing.assert_allclose(costs[i], expected, rtol=0, atol=SUMMATION)


def samples(n, seed):
    return 0.01 * np.exp(0.1 * np.random.default_rng(seed).standard_normal(n))


def test_a_ratio_of_the_same_samples_is_1():
    interval = ratio_interval(samples(50, 0), samples(50, 0))
    assert interval.estimate == 1
    assert 0.9 < interval.low < 1 < interval.high < 1.1


def test_a_ratio_is_how_many_times_as_long_the_new_side_takes():
    slow = ratio_interval(samples(50, 0), 1.3 * samples(50, 1))
    fast = ratio_interval(1.3 * samples(50, 1), samples(50, 0))
    assert 1 < slow.low < 1.3 < slow.high < 1.5
    assert fast.high < 1
    scaled = ratio_interval(1000 * samples(50, 0), 1300 * samples(50, 1))
    assert vars(scaled) == pytest.approx(vars(slow))


@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_a_ratio_interval_is_that_of_a_slow_bootstrap(confidence):
    old, new, rng = samples(41, 0), 1.1 * samples(31, 1), np.random.default_rng(7)
    ratios = [np.median(rng.choice(new, 31)) / np.median(rng.choice(old, 41)) for _ in range(2000)]
    found = ratio_interval(old, new, confidence=confidence)
    tail = (1 - confidence) / 2
    # Two bootstraps of some thousand draws; a one-sided tail would be off by 0.3 deviations.
    tolerance = 0.15 * np.std(ratios)
    assert [found.low, found.high] == pytest.approx(
        np.quantile(ratios, [tail, 1 - tail]), abs=tolerance
    )
    assert found.low < 1.1 < found.high


def test_more_samples_and_less_confidence_narrow_the_interval():
    few, many = (ratio_interval(samples(n, 0), samples(n, 1)) for n in (10, 200))
    half = ratio_interval(samples(10, 0), samples(10, 1), confidence=0.5)
    assert many.high - many.low < (few.high - few.low) / 2
    assert half.high - half.low < (few.high - few.low) / 2


@pytest.mark.parametrize("bad", [[], [0.1, 0.0], [0.1, np.nan], [np.inf], [-0.1]], ids=str)
def test_samples_that_are_no_times_are_refused(bad):
    for sides in ((np.array(bad), np.ones(3)), (np.ones(3), np.array(bad))):
        with pytest.raises(
            ValueError, match="ratio_interval: expected positive samples, got array"
        ):
            ratio_interval(*sides)


def test_the_interval_of_few_repetitions_covers_the_mean_ratio_as_often_as_stated():
    rng = np.random.default_rng(0)
    for n in (2, 3, 6):
        draws = np.exp(rng.normal(np.log(1.1), 0.05, (2000, n)))
        intervals = [mean_ratio_interval(draw) for draw in draws]
        covered = np.mean([interval.low <= 1.1 <= interval.high for interval in intervals])
        assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("ratios", [[1.0], [1.0, -1.0], [1.0, np.nan]], ids=["one", "sign", "nan"])
def test_the_mean_ratio_needs_two_or_more_positive_numbers(ratios):
    with pytest.raises(ValueError, match="2 or more positive ratios"):
        mean_ratio_interval(np.array(ratios))


def test_medians_of_blocks_stand_for_a_long_series():
    values = np.arange(12.0)
    np.testing.assert_array_equal(in_blocks(values, 4), [1, 4, 7, 10])
    assert in_blocks(values, 12) is values
