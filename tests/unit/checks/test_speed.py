import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from retinaface.baselines.entries import Entry
from retinaface.checks import speed
from retinaface.checks.speed import (
    FLOPS_PER_IMAGE,
    LEAST_NOISE,
    UNKNOWN_NOISE,
    CheckedInputs,
    FetchTimes,
    check_speed,
    share_of_peak,
    speed_entry,
    summarise,
    turn_by_turn,
)
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase
from retinaface.verdicts import Verdict

N_IMAGES = 6


def case():
    """Images whose exact outputs tell which image they are of."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-123, 151, (N_IMAGES, 3, 64, 64)).astype(np.float32)
    exact = {
        name: np.arange(1.0, N_IMAGES + 1)[:, None, None] + np.zeros((N_IMAGES, 5, width))
        for name, width in zip(OUTPUT_NAMES, (4, 2, 10), strict=True)
    }
    rounded = {name: (a * (1 + 1e-4)).astype(np.float32) for name, a in exact.items()}
    return ReferenceCase("scene", images, exact, rounded, rounded)


CASE = case()


def rows_of(batch):
    """Which images of the case a batch was made of."""
    return [int(np.abs(CASE.images - image).sum(axis=(1, 2, 3)).argmin()) for image in batch]


def infer(batch):
    rows = rows_of(batch)
    return RawOutputs(*(CASE.exact[name][rows].astype(np.float32) for name in OUTPUT_NAMES))


def timed(engine, n_calls=20, batch=3):
    inputs = CheckedInputs(CASE, batch, "fp32")
    for _ in range(n_calls):
        inputs.check(engine(inputs.fill()))
    return inputs


@pytest.mark.parametrize("batch", [1, 4, 6, 15], ids=lambda n: f"b{n}")
def test_batches_never_repeat_and_share_one_buffer(batch):
    inputs = CheckedInputs(CASE, batch, "fp32")
    buffer, seen = inputs.fill(), []
    seen.append(buffer.tobytes())
    for _ in range(40):
        assert inputs.fill() is buffer
        seen.append(buffer.tobytes())
    assert len(set(seen)) == len(seen)
    assert (buffer.shape, buffer.dtype) == ((batch, 3, 64, 64), np.float32)


def test_each_image_of_a_batch_differs_from_its_case_in_one_value_by_little():
    before = CASE.images.copy()
    inputs = CheckedInputs(CASE, 4, "fp32")
    for _ in range(10):
        batch = inputs.fill()
        difference = batch - CASE.images[rows_of(batch)]
        assert (np.count_nonzero(difference, axis=(1, 2, 3)) == 1).all()
        assert np.abs(difference).max() < 0.01
    np.testing.assert_array_equal(CASE.images, before)


def test_a_batch_draws_every_image_as_often_as_it_can():
    rows = rows_of(CheckedInputs(CASE, 2 * N_IMAGES + 2, "fp32").fill())
    counts = np.bincount(rows, minlength=N_IMAGES)
    assert counts.min() == 2
    assert counts.max() == 3


def test_an_honest_engine_passes():
    inputs = timed(infer)
    result = inputs.verdict("outputs while timed")
    assert (result.verdict, result.message) == (Verdict.PASS, "20 calls checked")
    assert (inputs.n_wrong, inputs.first_problem) == (0, None)


class Cached:
    """Computes once, and knows the answer from then on: by shape, by address, by content."""

    def __init__(self, key):
        self.key, self.known = key, {}

    def __call__(self, batch):
        key = self.key(batch)
        if key not in self.known:
            self.known[key] = infer(batch)
        return self.known[key]


@pytest.mark.parametrize(
    "key",
    [lambda a: a.shape, lambda a: a.ctypes.data, lambda a: a[:, 0, 0, 0].astype(int).sum() % 2],
    ids=["shape", "address", "sum"],
)
def test_an_engine_that_keeps_outputs_is_caught(key):
    engine = Cached(key)
    result = timed(engine).verdict("outputs while timed")
    assert result.verdict is Verdict.FAIL
    assert " of 20 timed calls gave wrong outputs: scene loc: error" in result.message


def test_an_engine_that_keeps_outputs_by_content_gains_nothing():
    engine = Cached(lambda batch: batch.tobytes())
    assert timed(engine).verdict("x").verdict is Verdict.PASS
    assert len(engine.known) == 20


@pytest.mark.parametrize(
    "break_it",
    [
        lambda out: RawOutputs(*(a[::-1] for a in out)),
        lambda out: RawOutputs(out.loc, out.scores, out.landmarks * np.float32(1.01)),
        lambda out: RawOutputs(out.loc, out.scores * np.nan, out.landmarks),
    ],
    ids=["rows", "one-output", "nan"],
)
def test_one_wrong_call_among_many_is_caught(break_it):
    number = itertools.count(1)
    inputs = timed(lambda batch: break_it(infer(batch)) if next(number) == 7 else infer(batch))
    assert (inputs.n_wrong, inputs.first_problem.name) == (1, "timed call 7")
    result = inputs.verdict("outputs while timed")
    assert result.verdict is Verdict.FAIL
    assert result.message.startswith("1 of 20 timed calls gave wrong outputs: scene ")


def test_a_summary_keeps_every_sample():
    samples = [0.3, 0.1, 0.2, 0.4]
    figures = summarise(np.array(samples), 8)
    assert figures["samples_s"] == samples
    assert figures["median_s"] == 0.25
    assert figures["images_per_s"] == 32
    assert figures["p90_s"] == pytest.approx(0.37)
    assert figures["p99_s"] == pytest.approx(0.397)
    assert "images_per_s" not in summarise(samples, None)
    json.dumps(figures)


def samples(median, n=40, seed=0, spread=0.02):
    noise = np.random.default_rng(seed).standard_normal(n)
    return (median * np.exp(spread * noise)).tolist()


def entry(runs, band=0.1, **changes):
    data = speed_entry(
        pipeline="igie",
        precision="fp32",
        device="cpu",
        batch=8,
        timed="network",
        engine="ort-cpu-fp32",
        figures=summarise(runs[-1], 8),
        earlier_runs=runs[:-1],
    )
    return Entry(data | {"tolerance": {"relative": band}} | changes, Path("b/cpu/ort.json"))


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
def test_a_timing_is_held_against_the_noise_of_the_device(ratio, spread, verdict, faster):
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


def test_the_milliseconds_of_both_sides_are_said():
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


def test_one_run_knows_nothing_of_the_noise():
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
def test_several_runs_tell_the_noise(medians, band):
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


def test_the_share_of_peak_is_a_rate_over_a_rate(monkeypatch):
    """The product takes 2 s, the network 1 s, by a clock that the test turns."""
    seconds = itertools.cycle([0, 2, 0, 1])
    monkeypatch.setattr(speed.time, "perf_counter_ns", lambda: int(next(seconds) * 1e9))
    calls = []

    class Engine:
        infer = staticmethod(calls.append)

    shares = share_of_peak(Engine, CASE.images[:2], 1)
    peak = 4 * 2 * 768**3 / 2
    assert shares == [pytest.approx(2 * FLOPS_PER_IMAGE / 1 / peak)]
    assert len(calls) == 2  # the first warms up


class Takes:
    """An engine whose calls take as long as is said, by a clock that the calls turn."""

    now = 0

    def __init__(self, seconds, wrong=False):
        self.ns, self.wrong, self.turns = int(seconds * 1e9), wrong, []

    def infer(self, batch):
        Takes.now += self.ns
        self.turns.append(Takes.now)
        outputs = infer(batch)
        return RawOutputs(outputs.loc * 2, *outputs[1:]) if self.wrong else outputs


@pytest.mark.parametrize("wrong", [False, True])
def test_turns_give_the_ratio_of_rates_and_check_outputs(monkeypatch, wrong):
    monkeypatch.setattr(speed.time, "perf_counter_ns", lambda: Takes.now)
    engine, yardstick = Takes(0.5, wrong), Takes(2)
    inputs = [CheckedInputs(CASE, 3, "fp32") for _ in range(2)]
    assert turn_by_turn(engine, yardstick, inputs, 4) == [4.0] * 4
    assert [i.n_checked for i in inputs] == [5, 5]  # the first warms up
    assert inputs[0].verdict("outputs").verdict is (Verdict.FAIL if wrong else Verdict.PASS)
    first = [a < b for a, b in zip(engine.turns, yardstick.turns, strict=True)]
    assert first[1:] == [not f for f in first[:-1]]  # each goes first in every other turn


class FetchesAt:
    """Each fetch takes as long as is said next."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds = 0.0, iter(seconds)
        monkeypatch.setattr("retinaface.checks.speed.time.perf_counter", lambda: self.now)

    def fetch(self):
        self.now += next(self.seconds)
        return "outputs"


@pytest.mark.parametrize(
    ("times", "run_s", "verdict"),
    [
        ([0.002, 0.002] * 3, 0.005, Verdict.PASS),
        ([0.003, 0.002] * 3, 0.005, Verdict.PASS),  # caches that were cold
        ([0.002, 0.003] * 3, 0.005, Verdict.PASS),
        ([0.007, 0.002] * 3, 1e-6, Verdict.FAIL),
        ([0.009, 0.002] * 3, 0.001, Verdict.FAIL),
    ],
)
def test_a_run_that_goes_on_while_its_outputs_are_fetched_has_not_ended(
    monkeypatch, times, run_s, verdict
):
    waits = FetchTimes(FetchesAt(monkeypatch, times))
    assert [waits.fetch() for _ in range(3)] == ["outputs"] * 3
    check = waits.verdict(run_s)
    assert check.verdict is verdict
    assert ("wait for it in _execute" in check.message) == (verdict is Verdict.FAIL)
