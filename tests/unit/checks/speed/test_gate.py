from pathlib import Path

import numpy as np
import pytest

from retinaface.baselines.entries import Entry
from retinaface.checks.speed.gate import LEAST_NOISE, UNKNOWN_NOISE, check_speed, speed_entry
from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.timing import summarise
from retinaface.verdicts import Verdict
from tests.support.made.baselines import timed_runs


def samples(median, n=40, seed=0, spread=0.02):
    noise = np.random.default_rng(seed).standard_normal(n)
    return (median * np.exp(spread * noise)).tolist()


def entry(runs, band=0.1, **changes):
    data = timed_runs(runs, **{"tolerance": {"relative": band}} | changes)
    return Entry(data, Path("b/cpu/ort.json"))


@pytest.mark.parametrize(
    ("ratio", "spread", "verdict", "faster"),
    [
        (1.0, 0.02, Verdict.PASS, False),
        (1.05, 0.02, Verdict.PASS, False),
        (1.1, 0.02, Verdict.INCONCLUSIVE, False),
        (1.2, 0.02, Verdict.FAIL, False),
        (1.0, 0.9, Verdict.INCONCLUSIVE, False),
        (0.7, 0.02, Verdict.PASS, True),
    ],
    ids=["same", "slower-inside", "at-the-band", "slower", "noisy", "faster"],
)
def test_a_timing_is_compared_with_the_noise_of_the_device(ratio, spread, verdict, faster):
    found = summarise(samples(0.01 * ratio, seed=1, spread=spread), 8)
    result = check_speed(entry([samples(0.01), samples(0.01, seed=2)]), found, 8)
    assert result.verdict is verdict, result.message
    assert ("faster than the noise explains" in result.message) is faster
    numbers = result.numbers
    assert numbers["low"] <= numbers["ratio"] <= numbers["high"]
    assert numbers["band"] == 0.1
    assert "over 2 runs), 95% interval [" in result.message
    assert "noise of this device +-10%" in result.message
    assert result.name == "against speed igie fp32 batch 8 in cpu/ort.json"


def test_the_milliseconds_of_both_sides_are_reported():
    result = check_speed(entry([[0.01] * 9]), summarise([0.02] * 9, 8), 8)
    assert result.message.startswith(
        "2.000 times as long as the baseline (20.000 ms, baseline 10.000 ms over 1 runs)"
    )


PUBLISHED = {
    "samples_s": None,
    "reason": "the first release reached it",
    "source": {"kind": "published", "by": "the vendor"},
}


@pytest.mark.parametrize(
    ("median_s", "verdict"), [(0.0099, Verdict.PASS), (0.0111, Verdict.PASS), (0.0112, "FAIL")]
)
def test_a_published_rate_is_the_least(median_s, verdict):
    found = summarise([median_s], 8)
    result = check_speed(entry([[1]], **PUBLISHED, value=800, unit="images/s"), found, 8)
    assert result.verdict == verdict
    assert "images/s, published 800.0, at least 720.0 (the first release" in result.message


@pytest.mark.parametrize(
    ("median_s", "verdict"), [(0.3, Verdict.PASS), (0.549, Verdict.PASS), (0.551, Verdict.FAIL)]
)
def test_a_published_time_is_the_most(median_s, verdict):
    data = entry([[1]], **PUBLISHED, value=0.5, unit="s")
    result = check_speed(data, summarise([median_s], None), None)
    assert result.verdict is verdict
    assert "s, published 0.5, at most 0.55" in result.message


def made(runs, n_images=8):
    return speed_entry(
        pipeline="igie",
        precision="fp16",
        device="cpu",
        batch=8,
        timed="network",
        engine="ort-cpu-fp16",
        figures=summarise(runs[-1], n_images),
        earlier_runs=runs[:-1],
    )


def test_one_run_leaves_the_noise_unknown():
    data = made([samples(0.01)])
    assert data["tolerance"] == {"relative": UNKNOWN_NOISE}
    assert data["reason"].startswith("one run:")
    assert (data["unit"], data["value"]) == ("images/s", pytest.approx(800, rel=0.02))


@pytest.mark.parametrize(
    ("medians", "band"),
    [
        ([1, 1.01], LEAST_NOISE),
        ([1, 1.1], 0.15),
        ([1.1, 1.2, 1], 0.3),
        ([1, 3], 0.9),
    ],
    ids=["steady", "two", "three", "wild"],
)
def test_several_runs_show_the_noise(medians, band):
    data = made([[median] * 3 for median in medians])
    assert data["tolerance"]["relative"] == pytest.approx(band)
    assert data["samples_s"] == [[median] * 3 for median in medians]
    assert f"what {len(medians)} runs of this build differed by" in data["reason"]


def test_the_last_ten_runs_are_kept():
    data = made([[1.0 + i / 100] for i in range(14)])
    assert [run[0] for run in data["samples_s"]] == pytest.approx(
        [1.04 + i / 100 for i in range(10)]
    )


def test_what_is_not_counted_in_images_is_kept_in_seconds():
    data = made([[0.2, 0.3, 0.4]], n_images=None)
    assert (data["unit"], data["value"]) == ("s", 0.3)


BUSY = MachineNoise(drift=1.0, tail=2.0, taken=0.4)
QUIET = MachineNoise(drift=1.0, tail=1.0, taken=0.0)


def test_a_gate_states_the_smallest_slowdown_that_it_calls():
    runs = [samples(0.01), samples(0.0101, seed=2)]
    result = check_speed(entry(runs), summarise(samples(0.01, seed=1), 8), 8)
    smallest = result.numbers["smallest_slowdown"]
    assert 1.1 < smallest < 1.2
    assert f"calls a slowdown of {np.ceil(1000 * (smallest - 1)) / 10:.3g} % nine" in result.message


def test_runs_that_differ_cost_power():
    even = [samples(0.01, seed=seed) for seed in range(4)]
    uneven = [samples(0.01 * (1 + 0.05 * seed), seed=seed) for seed in range(4)]
    found = summarise(samples(0.01, seed=9), 8)
    small, large = (
        check_speed(entry(runs), found, 8).numbers["smallest_slowdown"] for runs in (even, uneven)
    )
    assert large > small + 0.05


def test_an_undecided_gate_states_how_many_calls_would_decide():
    result = check_speed(
        entry([samples(0.01)], band=0.05), summarise(samples(0.0105, seed=1, spread=0.1), 8), 8
    )
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "calls would call 15 %; run again" in result.message
    wide = check_speed(
        entry([samples(0.01)], band=0.3), summarise(samples(0.013, seed=1, spread=0.1), 8), 8
    )
    assert "no number of calls would call 15 %" in wide.message


def test_a_published_figure_states_what_it_calls():
    data = entry([[1]], **PUBLISHED, value=0.5, unit="s")
    result = check_speed(data, summarise(samples(0.5, spread=0.05), None), None)
    assert 1.1 < result.numbers["smallest_slowdown"] < 1.15


@pytest.mark.parametrize(
    ("ratio", "machine", "verdict"),
    [
        (1.3, QUIET, Verdict.FAIL),
        (1.3, BUSY, Verdict.INCONCLUSIVE),
        (1.0, BUSY, Verdict.PASS),
        (20, BUSY, Verdict.FAIL),
    ],
    ids=["quiet", "busy", "fine", "beyond-noise"],
)
def test_a_busy_machine_excuses_what_it_can_explain(ratio, machine, verdict):
    found = summarise(samples(0.01 * ratio, seed=1), 8)
    result = check_speed(entry([samples(0.01)]), found, 8, machine)
    assert result.verdict is verdict
    is_excused = verdict is Verdict.INCONCLUSIVE
    assert ("other processes took 40%" in result.message) == is_excused
