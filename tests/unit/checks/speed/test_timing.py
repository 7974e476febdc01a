import itertools
import json

import numpy as np
import pytest

from retinaface.checks.speed.timing import (
    LEAST_TIMED,
    MOST_KEPT,
    MOST_TIMED,
    CheckedInputs,
    FetchTimes,
    calls_in_budget,
    summarise,
)
from retinaface.network.outputs import RawOutputs
from retinaface.verdicts import Verdict
from tests.support.made.timed_inputs import CASE, N_IMAGES, infer, rows_of


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


def test_enough_calls_also_give_their_drift():
    assert "drift" not in summarise([0.1] * 11, 1)
    assert summarise([0.1] * 8 + [0.11] * 4, 1)["drift"] == pytest.approx(1.1)


def test_of_very_many_samples_a_record_keeps_evenly_spaced_ones():
    figures = summarise(np.arange(1.0, 10_001.0), 1)
    assert figures["n_calls"] == 10_000
    assert len(figures["samples_s"]) == MOST_KEPT
    assert (figures["samples_s"][0], figures["samples_s"][-1]) == (1.0, 10_000.0)
    assert figures["median_s"] == 5000.5


@pytest.mark.parametrize(
    ("call_s", "n"),
    [(1e-6, MOST_TIMED), (0.04, 50), (60.0, LEAST_TIMED)],
    ids=["fast", "fit", "slow"],
)
def test_as_many_calls_are_timed_as_fit(call_s, n):
    assert calls_in_budget(call_s) == n


class FetchesAt:
    """Each fetch takes the next of the given times."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds = 0.0, iter(seconds)
        monkeypatch.setattr("retinaface.checks.speed.timing.time.perf_counter", lambda: self.now)

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
