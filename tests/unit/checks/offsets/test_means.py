import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from retinaface.checks.offsets.means import clustered_means, drawn_in
from tests.support.references import clustered_error_slow

ROUNDING = 1e-9


def clusters_of(sizes):
    return np.repeat(np.arange(len(sizes)) * 3, sizes)  # any numbers, in rising order


@given(st.lists(st.integers(1, 5), min_size=2, max_size=8), st.integers(0, 100))
def test_the_interval_is_that_of_the_slow_reference(sizes, seed):
    clusters = clusters_of(sizes)
    values = np.random.default_rng(seed).normal(size=(len(clusters), 2))
    intervals, n = clustered_means(values, clusters, 0.9)
    assert n == len(sizes)
    for interval, column in zip(intervals, values.T, strict=True):
        half = stats.t.ppf(0.95, n - 1) * clustered_error_slow(column, clusters)
        assert interval.estimate == pytest.approx(column.mean(), abs=ROUNDING)
        assert interval.low == pytest.approx(column.mean() - half, abs=ROUNDING)
        assert interval.high == pytest.approx(column.mean() + half, abs=ROUNDING)


def test_intervals_cover_the_truth_as_often_as_they_say_though_an_image_goes_together():
    rng = np.random.default_rng(0)
    clusters = clusters_of([10] * 30)
    n, hits, hits_alone = 400, 0, 0
    for _ in range(n):
        values = np.repeat(rng.normal(size=30), 10) + rng.normal(size=300)
        (one,), _ = clustered_means(values[:, None], clusters, 0.95)
        (alone,), _ = clustered_means(values[:, None], np.arange(300), 0.95)
        hits += one.low <= 0 <= one.high
        hits_alone += alone.low <= 0 <= alone.high
    assert 0.92 <= hits / n <= 0.98
    assert hits_alone / n < 0.7  # pairs taken as if each were an image of its own


def test_equal_values_have_no_width():
    (one,), _ = clustered_means(np.full((6, 1), 0.25), clusters_of([2, 4]), 0.99)
    assert (one.estimate, one.low, one.high) == (0.25, 0.25, 0.25)


def test_one_image_alone_convicts_nobody():
    values = np.array([[0.5, -0.1], [0.7, 0.2]])
    (x, y), n = clustered_means(values, np.zeros(2, int), 0.95)
    assert n == 1
    assert (x.low, x.high) == (0, 0.7)
    assert (y.low, y.high) == (-0.1, 0.2)


NUMBERS = st.lists(st.integers(-50, 50), min_size=1, max_size=9)


@given(NUMBERS, st.integers(-1000, 1000))
def test_drawing_in_goes_along_with_a_shift(numbers, shift):
    values = np.array(numbers, np.float64)[:, None]
    reach = np.full_like(values, 4)
    np.testing.assert_array_equal(drawn_in(values + shift, reach), drawn_in(values, reach) + shift)


@given(NUMBERS)
def test_what_is_near_stays_and_what_is_far_comes_as_near_as_it_may(numbers):
    values = np.array(numbers, np.float64)[:, None]
    near = drawn_in(values, np.full_like(values, 4))
    off = np.abs(values - np.median(values))
    np.testing.assert_array_equal(near[off <= 4], values[off <= 4])
    np.testing.assert_allclose(np.abs(near - np.median(values))[off > 4], 4)
