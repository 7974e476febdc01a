"""Times of calls, drawn with a fixed seed, one part of them slower; and what the checks say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from retinaface.baselines.entries import Entry
from retinaface.checks.speed.gate import check_speed
from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.steadiness import check_drift, check_tail
from retinaface.checks.speed.timing import summarise
from retinaface.typing import FloatArray
from retinaface.verdicts import Verdict
from tests.support.made.baselines import timed_runs

TEST = "test_network_alone"
# As `test_network_alone` takes them at batch 1; the spread of single calls on a machine that is not
# shared, and what medians of runs of one build differ by there.
_N_CALLS, _CALL_S, _SPREAD, _BETWEEN_RUNS = 50, 0.01, 0.03, 0.01
_SEED = 20_261_126
# Caught is what is red so often, as the power of a gate is stated.
_N_DRAWS, _N_RED = 10, 0.9
_QUIET = MachineNoise(drift=1.0, tail=1.04, taken=0.0)


def _all_slower(times: FloatArray, size: float) -> FloatArray:
    return times * (1 + size)


def _late_slower(times: FloatArray, size: float) -> FloatArray:
    is_late = np.arange(len(times)) >= len(times) * 2 // 3
    return times * (1 + size * is_late)


def _one_in_five_slower(times: FloatArray, size: float) -> FloatArray:
    return times * (1 + size * (np.arange(len(times)) % 5 == 4))


FAULTS: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    "all_slower": _all_slower,
    "late_slower": _late_slower,
    "one_in_five_slower": _one_in_five_slower,
}


def red_tests(fault: str, size: float, says: str) -> list[str]:
    """Judge slowed runs against a baseline of five runs of the same build, and within themselves.

    Args:
        fault: In `FAULTS`.
        size: A share of the time of the calls concerned.
        says: What a check that is red for this fault says.

    Returns:
        The test function whose check is FAIL for the fault in nine draws of ten, or none.
    """
    slow = FAULTS[fault]
    rng = np.random.default_rng(_SEED)
    n_red = sum(
        any(says in text for text in _failures(rng, lambda times: slow(times, size)))
        for _ in range(_N_DRAWS)
    )
    return [TEST] if n_red >= _N_RED * _N_DRAWS else []


def _failures(rng: np.random.Generator, slow: Callable[[FloatArray], FloatArray]) -> list[str]:
    def draw() -> FloatArray:
        median = _CALL_S * rng.normal(1, _BETWEEN_RUNS)
        return median * rng.lognormal(0, _SPREAD, _N_CALLS)

    runs = [draw().tolist() for _ in range(5)]
    entry = timed_runs(runs, batch=1, device="drawn-times", engine="drawn")
    times, work_s = slow(draw()).tolist(), draw().tolist()
    checks = (
        check_speed(Entry(entry, Path("drawn.json")), summarise(times, 1), 1),
        check_drift(times, work_s, _QUIET, on_cpu=True),
        check_tail(times, _QUIET, runs),
    )
    return [f"{c.name}: {c.message}" for c in checks if c.verdict is Verdict.FAIL]
