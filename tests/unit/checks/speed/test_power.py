"""What a gate claims to see is what it calls in a simulation, with a seed."""

import numpy as np
import pytest

from retinaface.checks.intervals import mean_ratio_interval, ratio_interval
from retinaface.checks.speed.power import (
    Noise,
    noise_of_interval,
    noise_of_ratios,
    percent,
    power_words,
    smallest_slow_share,
    smallest_slowdown,
    times_as_many,
)

N_RUNS = 2000
# Three standard errors of a share of 0.9 among so many runs.
SLACK = 3 * np.sqrt(0.9 * 0.1 / N_RUNS)


@pytest.mark.parametrize(("n", "spread"), [(4, 0.02), (6, 0.05), (12, 0.1)])
def test_a_slowdown_that_students_t_claims_to_see_is_called_nine_times_of_ten(n, spread):
    rng = np.random.default_rng(n)
    noise = Noise(spread / np.sqrt(n), degrees_of_freedom=n - 1)
    ratio = smallest_slowdown(noise, 0.05)
    runs = ratio * np.exp(spread * rng.standard_normal((N_RUNS, n)))
    called = np.mean([mean_ratio_interval(run).low > 1.05 for run in runs])
    assert called == pytest.approx(0.9, abs=SLACK)


def test_noise_between_runs_that_no_interval_shows_costs_power():
    rng = np.random.default_rng(1)
    n, spread, between = 8, 0.03, 0.04
    noise = Noise(spread / np.sqrt(n), unseen_error=between, degrees_of_freedom=n - 1)
    ratio = smallest_slowdown(noise, 0.1)
    runs = ratio * np.exp(
        between * rng.standard_normal((N_RUNS, 1)) + spread * rng.standard_normal((N_RUNS, n))
    )
    called = np.mean([mean_ratio_interval(run).low > 1.1 for run in runs])
    assert called == pytest.approx(0.9, abs=SLACK)
    assert ratio > smallest_slowdown(Noise(spread / np.sqrt(n), degrees_of_freedom=n - 1), 0.1)


def test_a_slowdown_that_a_bootstrap_of_medians_claims_to_see_is_called_nine_times_of_ten():
    rng = np.random.default_rng(2)

    def samples(n):
        return np.exp(0.05 * rng.standard_normal(n))

    claims = [
        smallest_slowdown(noise_of_interval(ratio_interval(samples(60), samples(60))), 0.1)
        for _ in range(50)
    ]
    ratio = np.median(claims)
    intervals = [
        ratio_interval(samples(60), ratio * samples(60), n_resamples=400) for _ in range(500)
    ]
    called = np.mean([interval.low > 1.1 for interval in intervals])
    # Of few samples a bootstrap of medians is itself only about right.
    assert called == pytest.approx(0.9, abs=0.05)


def test_a_limit_without_an_interval_is_passed_by_what_the_estimate_strays_alone():
    noise = Noise(0.02, confidence=0.0)
    assert smallest_slowdown(noise, 0.1) == pytest.approx(1.1 * np.exp(1.2816 * 0.02), rel=1e-4)


def test_without_noise_the_band_is_what_can_be_seen():
    assert smallest_slowdown(Noise(0.0), 0.07) == pytest.approx(1.07)
    assert times_as_many(Noise(0.0), 0.07, 1.07) == 1.0


def test_the_noise_of_ratios_is_that_of_their_interval():
    ratios = np.exp(0.04 * np.random.default_rng(3).standard_normal(9))
    noise = noise_of_ratios(ratios)
    assert noise.degrees_of_freedom == 8
    interval = mean_ratio_interval(ratios)
    half = np.log(interval.high / interval.low) / 2
    assert half == pytest.approx(2.306 * noise.standard_error, rel=1e-3)


@pytest.mark.parametrize("freedom", [5.0, float("inf")])
def test_so_many_times_the_samples_see_what_is_wanted_and_no_fewer(freedom):
    noise = Noise(0.05, degrees_of_freedom=freedom)
    times = times_as_many(noise, 0.05, 1.12)
    assert times > 1
    assert smallest_slowdown(noise.after(times), 0.05) <= 1.12
    assert smallest_slowdown(noise.after(0.95 * times), 0.05) > 1.12


@pytest.mark.parametrize(
    "noise", [Noise(0.05), Noise(0.06, fixed_error=0.05), Noise(0.06, unseen_error=0.1)]
)
def test_no_number_of_samples_sees_less_than_the_band_or_what_they_cannot_lower(noise):
    wanted = 1.04 if not noise.fixed_error and not noise.unseen_error else 1.1
    assert times_as_many(noise, 0.05, wanted) is None


def test_words_promise_nothing_finer_than_the_figure():
    assert power_words(1.1234) == "calls a slowdown of 12.4 % nine times of ten"
    assert percent(1.12) == "12 %"


@pytest.mark.parametrize("n", [40, 200])
def test_a_share_of_slow_calls_is_called_nine_times_of_ten_and_a_smaller_one_less_often(n):
    rng = np.random.default_rng(n)
    share = smallest_slow_share(n, 0.9, 0.8)

    def called(of_calls):
        drawn = (rng.random((300, n)) < of_calls).astype(float)  # 1 is a slow call
        lows = [
            np.quantile(np.quantile(run[rng.integers(0, n, (300, n))], 0.9, axis=1), 0.1)
            for run in drawn
        ]
        return np.mean(np.array(lows) > 0.5)

    assert called(share) > 0.84
    assert called(0.7 * share) < 0.7


def test_of_very_few_calls_none_can_be_called():
    assert smallest_slow_share(3, 0.9, 0.95) > 0.9
    assert smallest_slow_share(1000, 0.9, 0.8) < 0.13
