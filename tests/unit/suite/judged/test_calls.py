from types import SimpleNamespace

import pytest

from retinaface.checks.speed.machine import FixedWork
from retinaface.checks.speed.timing import CheckedInputs
from retinaface.suite.judged import calls
from retinaface.suite.judged.calls import (
    call_s_of,
    run_for,
    time_start_ups,
    time_vendor_runs,
)
from tests.support.made.timed_inputs import CASE, infer


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
    monkeypatch.setattr(calls, "time", clock)

    class Engine:
        def infer(self, images):
            now.s += 0.25
            return infer(images)

    inputs, work = CheckedInputs(CASE, 2, "fp32"), FixedWork("cuda", 0.001)
    times = run_for(Engine(), inputs, 10.0, work)
    assert times == pytest.approx([0.25] * 40)
    assert (inputs.n_checked, len(work.seconds)) == (40, 40)


def test_warming_up_is_checked_and_gives_the_fastest_call():
    inputs = CheckedInputs(CASE, 2, "fp32")
    assert 0 < call_s_of(inputs, infer, 3) < 60
    assert inputs.n_checked == 3


def test_each_mean_of_the_vendors_clock_has_its_own_input_and_its_outputs_are_checked():
    class Staged:
        n_vendor_warm_up, n_vendor_runs = 3, 20

        def __init__(self):
            self.runs = []

        def load(self, images):
            self.images = images.copy()

        def run_back_to_back(self, n):
            self.runs.append(n)
            return 0.5 / len(self.runs)

        def fetch(self):
            return infer(self.images)

    engine, inputs = Staged(), CheckedInputs(CASE, 2, "fp32")
    work = FixedWork("cuda", 0.001)
    assert time_vendor_runs(engine, inputs, work, 2) == [0.25, 0.125]
    assert engine.runs == [3, 20, 3, 20]
    assert (inputs.n_checked, inputs.n_wrong, len(work.seconds)) == (2, 0, 2)
