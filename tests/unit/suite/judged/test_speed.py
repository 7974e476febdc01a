import numpy as np
import pytest

from retinaface.checks.speed.machine import MachineNoise
from retinaface.detection.pipelines import PIPELINES
from retinaface.records.result_id import ResultId
from retinaface.suite.acceptance import Acceptance
from retinaface.suite.judged.speed import (
    SpeedJudge,
    TimedCalls,
    same_inputs,
    time_on,
    within_run,
)
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Verdict

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


def test_pipelines_of_one_input_size_share_what_a_network_takes():
    assert same_inputs(PIPELINES["igie"]) == ["ixrt"]
