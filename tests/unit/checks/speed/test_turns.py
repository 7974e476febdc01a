import itertools

import pytest

from retinaface.checks.speed import turns
from retinaface.checks.speed.timing import CheckedInputs
from retinaface.checks.speed.turns import (
    FLOPS_PER_IMAGE,
    middle_of_turns,
    share_of_peak,
    turn_by_turn,
)
from retinaface.network.outputs import RawOutputs
from retinaface.verdicts import Verdict
from tests.support.made.timed_inputs import CASE, infer


def test_the_share_of_peak_is_a_rate_over_a_rate(monkeypatch):
    """The product takes 2 s, the network 1 s, by a clock that the test turns."""
    seconds = itertools.cycle([0, 2, 0, 1])
    monkeypatch.setattr(turns.time, "perf_counter_ns", lambda: int(next(seconds) * 1e9))
    calls = []

    class Engine:
        infer = staticmethod(calls.append)

    shares = share_of_peak(Engine, CASE.images[:2], 1)
    peak = 4 * 2 * 768**3 / 2
    assert shares == [pytest.approx(2 * FLOPS_PER_IMAGE / 1 / peak)]
    assert len(calls) == 2  # the first warms up


class Takes:
    """An engine whose calls take the given times, by a clock that the calls turn."""

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
    monkeypatch.setattr(turns.time, "perf_counter_ns", lambda: Takes.now)
    engine, yardstick = Takes(0.5, wrong), Takes(2)
    inputs = [CheckedInputs(CASE, 3, "fp32") for _ in range(2)]
    assert turn_by_turn(engine, yardstick, inputs, 4) == [4.0] * 4
    assert [i.n_checked for i in inputs] == [5, 5]  # the first warms up
    assert inputs[0].verdict("outputs").verdict is (Verdict.FAIL if wrong else Verdict.PASS)
    first = [a < b for a, b in zip(engine.turns, yardstick.turns, strict=True)]
    assert first[1:] == [not f for f in first[:-1]]  # each goes first in every other turn


def test_the_middle_of_turns_leaves_a_tenth_out_at_each_end():
    assert middle_of_turns(range(11)) == (1, 5, 9)
