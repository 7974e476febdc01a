"""The statistics of one run, on samples with a seed; no clock is read."""

import numpy as np
import pytest

from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.steadiness import (
    LARGEST_TAIL,
    check_drift,
    check_tail,
    drift_of,
)
from retinaface.verdicts import Verdict

QUIET = MachineNoise(drift=1.0, tail=1.05, taken=0.0)
BUSY = MachineNoise(drift=1.0, tail=1.8, taken=0.4)
N_RUNS = 15


def samples(seed, n=200, spread=0.02, median=0.01):
    return median * np.exp(spread * np.random.default_rng(seed).standard_normal(n))


def slower_at_the_end(factor, seed, **more):
    times = samples(seed, **more)
    times[-(len(times) // 3) :] *= factor
    return times


def one_in(interval, factor, seed, **more):
    times = samples(seed, **more)
    times[::interval] *= factor
    return times


def drift(times, work=None, machine=QUIET, on_cpu=True):
    work = samples(999, n=len(times), median=0.005) if work is None else work
    return check_drift(times, work, machine, on_cpu=on_cpu)


@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_steady_run_passes_both(n, on_cpu):
    runs = [samples(seed, n) for seed in range(N_RUNS)]
    assert {drift(run, on_cpu=on_cpu).verdict for run in runs} == {Verdict.PASS}
    assert {check_tail(run, QUIET).verdict for run in runs} == {Verdict.PASS}


@pytest.mark.parametrize("n", [60, 200])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_last_third_that_is_15_percent_slower_fails(n, on_cpu):
    checks = [drift(slower_at_the_end(1.15, seed, n=n), on_cpu=on_cpu) for seed in range(N_RUNS)]
    assert {check.verdict for check in checks} == {Verdict.FAIL}
    assert checks[0].value == pytest.approx(1.15, abs=0.02)
    assert f"the last third of {n} calls took 1.1" in checks[0].message


@pytest.mark.parametrize("n", [60, 200])
def test_one_call_in_five_that_takes_three_times_as_long_fails(n):
    checks = [check_tail(one_in(5, 3, seed, n=n), QUIET) for seed in range(N_RUNS)]
    assert {check.verdict for check in checks} == {Verdict.FAIL}
    assert checks[0].limit == LARGEST_TAIL


def test_few_calls_never_pass_what_many_fail():
    few = [check_tail(one_in(5, 3, seed, n=20), QUIET).verdict for seed in range(N_RUNS)]
    assert Verdict.PASS not in few
    noisy = [drift(slower_at_the_end(1.15, s, n=20, spread=0.08)) for s in range(N_RUNS)]
    assert sum(check.verdict is Verdict.PASS for check in noisy) <= 2
    undecided = next(c for c in noisy if c.verdict is Verdict.INCONCLUSIVE)
    assert "calls would call 15 %: --soak SECONDS" in undecided.message


def test_getting_faster_is_no_drift():
    assert drift(slower_at_the_end(0.7, 0)).verdict is Verdict.PASS


def test_a_drift_is_called_as_often_as_the_check_says():
    n, spread = 60, 0.05
    claims = [
        drift(samples(seed, n, spread), on_cpu=False).numbers["smallest_slowdown"]
        for seed in range(N_RUNS)
    ]
    factor = float(np.median(claims))
    verdicts = [
        drift(slower_at_the_end(factor, 1000 + seed, n=n, spread=spread), on_cpu=False).verdict
        for seed in range(120)
    ]
    # Three standard errors of 0.9 among so many; a bootstrap of medians is about right itself.
    assert np.mean([v is Verdict.FAIL for v in verdicts]) > 0.81


@pytest.mark.parametrize("n", [40, 120])
def test_a_share_of_slow_calls_is_called_as_often_as_the_check_says(n):
    rng = np.random.default_rng(n)
    share = check_tail(samples(0, n), QUIET).numbers["smallest_share"]
    verdicts = []
    for seed in range(120):
        times = samples(seed, n)
        slow = rng.random(n) < share
        verdicts.append(check_tail(np.where(slow, 3 * times, times), QUIET).verdict)
    assert np.mean([v is Verdict.FAIL for v in verdicts]) > 0.82


def test_a_machine_that_grew_slower_excuses_the_engine_that_did_too():
    times, work = slower_at_the_end(1.2, 0), slower_at_the_end(1.2, 1, median=0.005)
    check = drift(times, work, MachineNoise(1.2, 1.2, 0.0))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "the machine was not quiet (fixed work took 1.20 times as long" in check.message
    assert "stop what else runs on it" in check.message


def test_a_machine_that_grew_faster_hides_no_engine_that_grew_slower():
    work = slower_at_the_end(0.8, 1, median=0.005)
    check = drift(samples(0), work, MachineNoise(0.8, 1.2, 0.0))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.numbers["beside_fixed_work"] == pytest.approx(1.25, abs=0.02)


def test_nothing_is_blamed_on_an_engine_on_a_busy_machine():
    for seed in range(N_RUNS):
        times, work = samples(seed, spread=0.6), samples(seed + 1, spread=0.6)
        checks = drift(times, work, BUSY), check_tail(times, BUSY)
        assert {c.verdict for c in checks} == {Verdict.INCONCLUSIVE}
        assert all("other processes took 40%" in c.message for c in checks)
    assert drift(slower_at_the_end(2, 0), machine=BUSY).verdict is Verdict.INCONCLUSIVE
    assert check_tail(one_in(5, 3, 0), BUSY).verdict is Verdict.INCONCLUSIVE


def test_an_accelerator_that_is_steady_passes_beside_a_busy_host():
    work = samples(1, spread=0.6)
    assert drift(samples(0), work, BUSY, on_cpu=False).verdict is Verdict.PASS
    assert check_tail(samples(0), BUSY).verdict is Verdict.PASS


def test_where_all_calls_are_held_up_the_median_hides_no_slow_ones():
    """Six calls of ten are three times as long, so that the median is one of them."""
    times = samples(0)
    times[np.arange(len(times)) % 5 < 3] *= 3
    assert check_tail(times, BUSY).verdict is Verdict.INCONCLUSIVE


def test_a_tail_is_compared_with_those_of_the_accepted_runs():
    times = one_in(4, 1.4, 0)
    assert check_tail(times, QUIET).verdict is Verdict.PASS
    accepted = [samples(seed, n=50) for seed in (5, 6)]
    check = check_tail(times, QUIET, accepted)
    assert check.verdict is Verdict.FAIL
    assert "the baseline's 1.02 and 25%" in check.message
    uneven = [one_in(4, 1.4, seed, n=50) for seed in (5, 6)]
    assert check_tail(times, QUIET, uneven).verdict is Verdict.PASS
    short = [samples(seed, n=5) for seed in (5, 6)]  # tells no tail
    assert check_tail(times, QUIET, short).limit == LARGEST_TAIL


def test_a_long_run_is_judged_as_a_short_one():
    times = slower_at_the_end(1.12, 0, n=100_000)
    assert drift(times).verdict is Verdict.FAIL
    assert drift(times).numbers["smallest_slowdown"] < 1.09
    assert check_tail(times, QUIET).verdict is Verdict.PASS
    assert drift_of(times) == pytest.approx(1.12, abs=0.01)


def test_the_figures_of_the_machine_are_kept():
    for check in (drift(samples(0)), check_tail(samples(0), QUIET)):
        assert check.numbers["machine"] == QUIET.as_json()
