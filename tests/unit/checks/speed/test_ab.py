"""Turn by turn: all sides get the same inputs, and wrong outputs are found."""

import numpy as np
import pytest

from retinaface.checks.speed.ab import (
    AGAIN,
    SIDES,
    A,
    B,
    Plan,
    Timings,
    judge_outputs,
    measure,
)
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import synthetic_inputs

IMAGES = synthetic_inputs(4, seed=0)


class Clock:
    """An engine whose time and outputs a test sets."""

    def __init__(self, seconds, scores=None, started=None):
        self._seconds, self._scores = seconds, scores
        self.last_infer_s = 0.0
        self.environment = {"python": "3.11"}
        self.spec = type("Spec", (), {"name": "clock"})
        self.batches = []
        if started is not None:
            started.append(self)

    def infer(self, images):
        self.batches.append(images.copy())
        self.last_infer_s = self._seconds()
        rng = np.random.default_rng(0)  # the same outputs for every image
        scores = np.full((len(images), 4200, 2), 0.01, np.float32)
        scores[:, :20, 1] = 0.9 if self._scores is None else self._scores
        return RawOutputs(
            np.repeat(rng.normal(0, 0.3, (1, 4200, 4)).astype(np.float32), len(images), 0),
            scores,
            np.zeros((len(images), 4200, 10), np.float32),
        )

    def describe(self):
        return {"name": "clock"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def run(factor_b=1.0, scores_b=None, started=None):
    """A takes 1 s a call, B `factor_b`."""

    def start(factor, scores=None):
        return Clock(lambda: factor, scores, started)

    return measure(
        lambda: start(1.0),
        lambda: start(factor_b, scores_b),
        IMAGES,
        Plan(batch=2, starts=2, turns=3),
        lambda n: iter(range(n)),
    )


def test_all_sides_get_the_same_input_in_one_turn_and_another_in_the_next():
    started = []
    timings = run(2.0, started=started)
    assert len(started) == 2 * len(SIDES)
    assert {side: t.shape for side, t in timings.seconds.items()} == dict.fromkeys(SIDES, (2, 3))
    assert timings.ratios(AGAIN).tolist() == [1.0, 1.0]
    assert timings.ratios(B).tolist() == [2.0, 2.0]
    one, again, other = (engine.batches[-3:] for engine in started[:3])
    for turn in range(3):
        np.testing.assert_array_equal(one[turn], again[turn])
        np.testing.assert_array_equal(one[turn], other[turn])
    assert len({batch.tobytes() for batch in one}) == 3


def test_different_detections_fail_whatever_the_times():
    timings = run(scores_b=0.6)
    assert timings.largest["scores"] == pytest.approx(0.3, abs=1e-6)
    checks = judge_outputs(timings, "fp32", has_faces=True)
    assert {str(check.verdict) for check in checks} >= {"FAIL"}
    same = judge_outputs(run(), "fp32", has_faces=True)
    assert {str(check.verdict) for check in same} == {"PASS"}


def test_a_nan_while_timed_is_a_fault_that_names_the_side():
    with pytest.raises(EngineFault, match=r"B: clock: .* values of scores are not finite"):
        run(scores_b=np.nan)


def test_ratios_are_medians_of_the_turns_of_each_start():
    seconds = {A: np.ones((2, 3)), AGAIN: np.ones((2, 3))}
    seconds[B] = np.array([[2.0, 2.0, 9.0], [3.0, 3.0, 0.1]])
    timings = Timings(seconds)
    assert timings.ratios(B).tolist() == [2.0, 3.0]
    assert timings.median_s(B) == 2.5
