from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.timing import CheckedInputs
from retinaface.detection.pipelines import PIPELINES
from retinaface.records.result_id import ResultId
from retinaface.suite.acceptance import Acceptance
from retinaface.suite.judged import speed
from retinaface.suite.judged.speed import (
    SpeedJudge,
    TimedCalls,
    call_s_of,
    run_for,
    same_inputs,
    time_on,
    time_start_ups,
    within_run,
)
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Verdict
from tests.support.made.timed_inputs import CASE, infer

CPU = {"name": "ort-cpu-fp32", "device": "cpu", "precision": "fp32", "runtime": "ort 1"}
NAME = ResultId("ort-cpu-fp32", "igie", 1)


class Work:
    """Fixed work that was done beforehand, on a quiet machine."""

    def __init__(self, n=0):
        self.seconds = [0.01] * n
        self.noise = lambda: MachineNoise(1.0, 1.0, 0.0)

    def do(self):
        self.seconds.append(0.01)


def calls(n=40, factor=1.0):
    times = 0.01 * np.exp(0.01 * np.random.default_rng(0).standard_normal(n))
    times[-(n // 3) :] *= factor
    return TimedCalls(times.tolist(), Work(n))


@pytest.fixture
def judge(tmp_path):
    run = ValidationRun({}, None)
    return SpeedJudge(PIPELINES["igie"], Acceptance(False, "", tmp_path), run)


def test_timings_without_a_baseline_are_kept_and_judged_within_themselves(judge):
    checks = judge.judge(NAME, CPU, "network", calls(), 1)
    assert [c.name for c in checks] == ["speed baseline", "drift within the run", "slow calls"]
    assert {c.verdict for c in checks} == {Verdict.PASS}
    assert "reported, not gated on a CPU" in checks[0].message
    kept = judge.run.results[str(NAME)]["speed"]["network"]
    assert (kept["n_calls"], kept["machine"]["taken"]) == (40, 0.0)
    assert "smallest_slowdown" not in kept


def test_two_things_that_are_timed_stand_side_by_side(judge):
    judge.judge(NAME, CPU, "session", calls(5), None)
    judge.judge_soak(NAME, CPU, calls(), 1)
    assert list(judge.run.results[str(NAME)]["speed"]) == ["session", "soak"]


def test_a_soak_needs_no_baseline_and_is_judged_within_itself(judge):
    drift, tail = judge.judge_soak(NAME, CPU, calls(60, 1.2), 1)
    assert (drift.verdict, tail.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert judge.acceptance.lines() == []


def test_of_few_calls_nothing_is_judged_within_the_run():
    assert within_run(CPU, calls(11)) == []


def uneven(n):
    """Give calls whose noise leaves a drift of 8 % open."""
    times = 0.01 * np.exp(0.12 * np.random.default_rng(3).standard_normal(n))
    return TimedCalls(times.tolist(), Work(n))


def test_calls_that_leave_drift_open_go_on_until_they_settle_it():
    first = uneven(28)
    more = iter(np.random.default_rng(1).uniform(0.0099, 0.0101, 84).tolist())
    assert within_run(CPU, first)[0].verdict is Verdict.INCONCLUSIVE
    settled = time_on(CPU, first, lambda: next(more))
    assert within_run(CPU, settled)[0].verdict is Verdict.PASS
    n = len(settled.seconds)
    assert n in (56, 84, 112)
    assert len(settled.work.seconds) == n
    assert settled.seconds[:28] == first.seconds


def test_calls_go_on_four_times_as_long_at_most():
    more = iter(np.random.default_rng(5).choice([0.005, 0.02], 84).tolist())
    assert len(time_on(CPU, uneven(28), lambda: next(more)).seconds) == 112


def not_called():
    raise AssertionError("timed on")


def test_calls_do_not_go_on_beside_other_work():
    first = uneven(28)
    first.work.noise = lambda: MachineNoise(1.0, 1.0, taken=0.5)
    assert within_run(CPU, first)[0].verdict is Verdict.INCONCLUSIVE
    assert time_on(CPU, first, not_called).seconds == first.seconds


def test_calls_that_settle_drift_do_not_go_on():
    for factor in (1.0, 1.3):  # steady, and plainly slower
        assert time_on(CPU, calls(40, factor), not_called).seconds == calls(40, factor).seconds
    assert len(time_on(CPU, calls(5), not_called).seconds) == 5


class Opened:
    """An engine that is right, and knows with how many images it was called."""

    def __init__(self, log):
        self.log = log

    def infer(self, images):
        self.log.append(len(images))
        return infer(images)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.append("closed")


def test_each_session_gives_its_time_and_a_first_run_at_each_batch():
    log = []
    inputs = {batch: CheckedInputs(CASE, batch, "fp32") for batch in (4, 1, 2)}
    opens = []

    def reopen():
        opens.append(True)
        return Opened(log)

    found = time_start_ups(reopen, inputs, "cuda", 3)
    assert len(opens) == 4  # the first warms up
    assert log == [1, 2, 4, "closed"] * 4
    assert len(found.session_s) == 3
    assert {batch: len(times) for batch, times in found.first_run_s.items()} == {4: 3, 1: 3, 2: 3}
    assert min(found.session_s + found.first_run_s[1]) > 0
    assert [inputs[batch].n_checked for batch in (1, 2, 4)] == [4, 4, 4]
    assert len(found.work.seconds) == 3


def test_a_run_goes_on_for_as_long_as_is_said_and_checks_every_call(monkeypatch):
    now = SimpleNamespace(s=0.0)
    clock = SimpleNamespace(monotonic=lambda: now.s, perf_counter_ns=lambda: int(now.s * 1e9))
    monkeypatch.setattr(speed, "time", clock)

    class Engine:
        def infer(self, images):
            now.s += 0.25
            return infer(images)

    inputs, work = CheckedInputs(CASE, 2, "fp32"), Work()
    times = run_for(Engine(), inputs, 10.0, work)
    assert times == pytest.approx([0.25] * 40)
    assert (inputs.n_checked, len(work.seconds)) == (40, 40)


def test_warming_up_is_checked_and_gives_the_fastest_call():
    inputs = CheckedInputs(CASE, 2, "fp32")
    assert 0 < call_s_of(inputs, infer, 3) < 60
    assert inputs.n_checked == 3


def test_pipelines_of_one_input_size_share_what_a_network_takes():
    assert same_inputs(PIPELINES["igie"]) == ["ixrt"]
