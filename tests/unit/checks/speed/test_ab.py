"""Turn by turn: slowness beyond the noise is found, noise is not, wrong outputs are."""

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
    judge_speed,
    measure,
    noise_band,
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


def times(factor_b=1.0, noise=0.01, seed=0, shape=(6, 15)):
    """Each start of a process is off by `noise`, each call by five times that."""
    rng = np.random.default_rng(seed)
    seconds = {
        side: factor * np.exp(rng.normal(0, noise, (shape[0], 1)) + rng.normal(0, 5 * noise, shape))
        for side, factor in zip(SIDES, (1.0, 1.0, factor_b), strict=True)
    }
    return Timings(seconds)


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


@pytest.mark.parametrize(
    ("factor", "verdict", "words"),
    [
        (1.2, "FAIL", "slower, by more than the noise"),
        (0.8, "PASS", "faster, by more than the noise"),
    ],
)
def test_a_difference_beyond_the_noise_is_found_every_time(factor, verdict, words):
    for seed in range(10):
        check = judge_speed(times(factor, seed=seed))
        assert str(check.verdict) == verdict, check
        assert words in check.message
        assert check.numbers["low"] < factor < check.numbers["high"] or check.numbers["band"] > 0.05


def test_the_same_build_is_never_called_different():
    for seed in range(40):
        for noise in (0.001, 0.01, 0.03):
            check = judge_speed(times(noise=noise, seed=seed))
            assert str(check.verdict) != "FAIL", check
            assert "faster, by more" not in check.message


def test_what_counts_grows_with_the_noise_and_never_falls_below_the_smallest_effect():
    quiet, loud = (noise_band(times(noise=noise)) for noise in (1e-5, 0.03))
    assert quiet == 0.02
    assert loud > 0.02
    assert noise_band(times(noise=1e-5), smallest_effect=0.1) == 0.1


def test_a_noisy_session_is_inconclusive():
    check = judge_speed(times(1.05, noise=0.05, shape=(3, 5)))
    assert str(check.verdict) == "INCONCLUSIVE"
    assert "measure longer" in check.message


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
