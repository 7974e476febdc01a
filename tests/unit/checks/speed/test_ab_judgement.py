"""A session passes what it could have failed, and says what it cannot see."""

import numpy as np
import pytest

from retinaface.checks.speed.ab import SIDES, Timings
from retinaface.checks.speed.ab_judgement import (
    MOST_STARTS,
    SMALLEST_EFFECT,
    judge_speed,
    noise_band,
    starts_needed,
)
from tests.support.sessions import make_timings


def sessions(n=60, **more):
    return [judge_speed(make_timings(seed=seed, **more)) for seed in range(n)]


def share(checks, verdict):
    return np.mean([str(check.verdict) == verdict for check in checks])


def of_ratios(again, b):
    """A session whose starts gave these ratios, each turn alike."""
    ratios = (np.ones(len(b)), np.asarray(again), np.asarray(b))
    return Timings(
        {side: np.repeat(r[:, None], 3, 1) for side, r in zip(SIDES, ratios, strict=True)}
    )


@pytest.mark.parametrize(
    ("factor", "verdict", "words"),
    [
        (1.2, "FAIL", "slower, by more than the noise"),
        (0.8, "PASS", "faster, by more than the noise"),
        (1.0, "PASS", "no slower than the noise of this session explains"),
    ],
)
def test_a_quiet_session_tells_what_is_clear(factor, verdict, words):
    for check in sessions(10, factor_b=factor, noise=0.002):
        assert str(check.verdict) == verdict, check
        assert words in check.message
        assert check.numbers["low"] < factor * 1.01


def test_the_same_build_is_never_called_slower():
    for noise in (0.001, 0.01, 0.03, 0.3):
        assert share(sessions(noise=noise), "FAIL") == 0


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03, 0.1, 0.3])
def test_a_b_that_is_a_tenth_slower_passes_at_no_noise(noise):
    assert share(sessions(factor_b=1.1, noise=noise), "PASS") <= 0.01


def test_the_same_build_passes_on_a_quiet_machine():
    assert share(sessions(noise=0.005), "PASS") > 0.95


def test_a_slowdown_of_the_stated_power_is_called_nine_times_of_ten():
    stated = np.median([check.numbers["power"] for check in sessions(200, noise=0.01)])
    assert 1.03 < stated < 1.1
    called = share(sessions(200, factor_b=float(stated), noise=0.01), "FAIL")
    assert called == pytest.approx(0.9, abs=0.07)  # three standard errors of the share


def test_a_session_with_a_huge_band_never_passes_a_b_inside_it():
    """A again was off by up to 71 %, and B takes 1.43 times as long."""
    check = judge_speed(
        of_ratios([1.47, 0.7, 1.3, 0.75, 1.2, 0.9], [1.5, 1.3, 1.6, 1.2, 1.7, 1.35])
    )
    assert str(check.verdict) == "INCONCLUSIVE"
    assert check.numbers["band"] > 0.4
    assert "too noisy to see a slowdown of 10 %" in check.message
    assert f"--starts {check.numbers['starts_needed']} would decide" in check.message
    assert check.numbers["starts_needed"] > 6


def test_far_slower_fails_however_loud_the_session():
    check = judge_speed(make_timings(4.0, noise=0.15, starts=10))
    assert check.numbers["power"] > 1.1  # it would not have passed
    assert str(check.verdict) == "FAIL"


def test_far_faster_passes_however_loud_the_session():
    check = judge_speed(make_timings(0.3, noise=0.1, starts=10))
    assert check.numbers["power"] > 1.1
    assert str(check.verdict) == "PASS"
    assert "faster" in check.message


def test_the_starts_that_are_asked_for_are_enough():
    check = judge_speed(make_timings(noise=0.05, seed=3))
    needed = check.numbers["starts_needed"]
    assert 6 < needed < MOST_STARTS
    longer = [judge_speed(make_timings(noise=0.05, seed=s, starts=needed)) for s in range(20)]
    assert np.median([check.numbers["power"] for check in longer]) < 1.12
    assert np.median([check.numbers["power"] for check in sessions(20, noise=0.05)]) > 1.2


def test_a_finer_effect_wants_more_starts():
    timings = make_timings(noise=0.03, seed=1)
    fine, coarse = (starts_needed(timings, effect) for effect in (0.05, 0.1))
    assert fine > coarse
    assert str(judge_speed(timings, wanted_effect=2.0).verdict) == "PASS"


def test_an_interval_across_the_limit_wants_as_many_starts_as_bring_it_off():
    check = judge_speed(of_ratios([1.001, 0.999] * 3, [1.024, 1.026, 1.01, 1.03, 1.025, 1.028]))
    assert str(check.verdict) == "INCONCLUSIVE"
    assert check.numbers["power"] < 1.1
    assert "cannot be told from the noise" in check.message
    assert check.numbers["starts_needed"] > 6


def test_what_lies_at_the_limit_itself_no_number_of_starts_decides():
    half = np.log1p(SMALLEST_EFFECT) + np.array([-0.01, 0.01] * 3)
    check = judge_speed(of_ratios([1.001, 0.999] * 3, np.exp(half)))
    assert check.numbers["starts_needed"] is None
    assert (
        f"not even --starts {MOST_STARTS} would decide, since it lies at the limit" in check.message
    )


def test_noise_that_no_number_of_starts_removes_is_named():
    check = judge_speed(make_timings(noise=2.0))
    assert check.numbers["starts_needed"] is None
    assert "since the machine is too noisy" in check.message


def test_the_band_grows_with_the_noise_shrinks_with_starts_and_never_below_the_smallest_effect():
    assert noise_band(make_timings(noise=1e-5)) == SMALLEST_EFFECT
    few, many = (noise_band(make_timings(noise=0.1, starts=n)) for n in (6, 60))
    assert few > many > SMALLEST_EFFECT


def test_an_offset_of_a_again_widens_the_band():
    """Both are the same build, so what they differ by, however steadily, is no property of B."""
    assert noise_band(of_ratios([1.05, 1.051, 1.049], [1, 1, 1])) > 0.05
    assert noise_band(of_ratios([0.95, 0.951, 0.949], [1, 1, 1])) > 0.05


def test_the_power_stands_in_the_message_and_the_limit_in_the_check():
    check = judge_speed(make_timings())
    assert "calls a slowdown of" in check.message
    assert check.limit == 1 + check.numbers["band"]
    assert check.value == check.numbers["ratio"]
    assert check.numbers["starts"] == 6
