"""Changes of level, by simulation: how often noise is called one, and what is found."""

import numpy as np
import pytest

from retinaface.history.changes import (
    FALSE_ALARMS,
    LEAST_LEVEL,
    LEAST_RUNS,
    MOST_RUNS,
    find_steps,
    penalty,
    tame_outliers,
)

# So small that no change is too small to count: the search alone is under test.
TINY = 1e-9
N_SERIES = 1500
# Of N_SERIES with FALSE_ALARMS, more than this share is seen once in a thousand times.
MOST_ALARMS = 0.018


@pytest.mark.parametrize("n", [6, 9, 25, 80])
def test_level_noise_of_any_length_is_rarely_called_a_change(n):
    rng = np.random.default_rng(n)
    alarms = sum(bool(find_steps(rng.normal(size=n), TINY)) for _ in range(N_SERIES))
    assert alarms / N_SERIES <= MOST_ALARMS
    assert MOST_ALARMS < 2 * FALSE_ALARMS


def test_noise_with_odd_runs_is_rarely_called_a_change():
    """One run in ten is three to ten times as noisy, as on a machine that others use."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(N_SERIES):
        odd = rng.random(30) < 0.1
        values = rng.normal(size=30) * np.where(odd, rng.uniform(3, 10, 30), 1)
        alarms += bool(find_steps(values, TINY))
    assert alarms / N_SERIES <= 3 * FALSE_ALARMS


@pytest.mark.parametrize(
    ("n", "at", "sigmas"), [(12, 6, 8), (20, 10, 5), (60, 45, 3), (200, 80, 2)]
)
def test_a_step_is_found_nine_times_of_ten_and_next_to_its_run(n, at, sigmas):
    rng = np.random.default_rng(n)
    found, right = 0, 0
    for _ in range(300):
        values = rng.normal(size=n)
        values[at:] -= sigmas
        steps = find_steps(values, TINY)
        found += len(steps) == 1
        right += len(steps) == 1 and abs(steps[0].first - at) <= 2
    assert found >= 0.9 * 300
    assert right >= 0.9 * found


def test_the_interval_of_a_change_covers_its_size():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        values = rng.normal(size=40)
        values[20:] += 5
        (step,) = find_steps(values, TINY)[:1]
        covered += step.change.low <= 5 <= step.change.high
    assert covered >= 0.9 * 300


def test_a_step_among_equal_values_is_found_at_its_run():
    (step,) = find_steps(np.array([46.5] * 4 + [45.9] * 3), 0.1)
    assert step.first == 4
    assert step.change.estimate == pytest.approx(-0.6)
    assert step.change.low == pytest.approx(step.change.high)


@pytest.mark.parametrize("size", [0.05, 0.09])
def test_a_step_below_the_smallest_effect_is_no_change(size):
    assert find_steps(np.array([46.5] * 20 + [46.5 - size] * 20), 0.1) == []


def test_small_steps_add_up_to_a_change():
    values = np.repeat([46.5, 46.44, 46.38, 46.32], 10)
    steps = find_steps(values, 0.1)
    assert sum(step.change.estimate for step in steps) == pytest.approx(-0.12, abs=0.04)


def test_a_level_of_fewer_runs_than_needed_is_no_change():
    for n_odd in range(1, LEAST_LEVEL):
        assert find_steps(np.array([46.5] * 12 + [40.0] * n_odd), 0.1) == []


def test_two_steps_are_told_apart():
    values = np.repeat([5.0, 5.2, 4.9], 15) + np.random.default_rng(1).normal(0, 0.01, 45)
    assert [step.first for step in find_steps(values, 0.05)] == [15, 30]


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="expected 6 values or more, got 5"):
        find_steps(np.ones(LEAST_RUNS - 1), 0.1)


def test_of_a_long_series_the_newest_are_searched():
    values = np.ones(MOST_RUNS + 200)
    values[100:] = 2.0
    assert find_steps(values, 0.1) == []
    values[-50:] = 3.0
    assert [step.first for step in find_steps(values, 0.1)] == [MOST_RUNS + 150]


def test_a_value_that_stands_alone_is_pulled_to_its_neighbours():
    values = np.ones(9)
    values[4] = 50.0
    tame, noise = tame_outliers(values, 0.1)
    assert noise == 0.1
    assert tame.max() == pytest.approx(1.3)


def test_the_penalty_falls_with_the_number_of_runs():
    penalties = [penalty(n) for n in (8, 10, 17, 33, 70, 300, 400)]
    assert penalties == sorted(penalties, reverse=True)
