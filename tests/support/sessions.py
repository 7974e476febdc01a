"""Sessions of turns that were never run: times with the noise that a test asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from retinaface.checks.speed.ab import SIDES, Timings


def make_timings(
    factor_b: float = 1.0, noise: float = 0.01, seed: int = 0, starts: int = 6, turns: int = 15
) -> Timings:
    """Times of A, A again and B: each start of a process is off by `noise`, each call by as much.

    Args:
        factor_b: How many times as long B takes.
        noise: Standard deviation of the logarithm of a time.
        seed: Of the noise.
        starts: Of the processes.
        turns: Of each process in one start.
    """
    rng = np.random.default_rng(seed)
    seconds = {}
    for side, factor in zip(SIDES, (1.0, 1.0, factor_b), strict=True):
        starting = rng.normal(0, noise, (starts, 1))
        calling = rng.normal(0, noise, (starts, turns))
        seconds[side] = factor * np.exp(starting + calling)
    return Timings(seconds)


def make_session(
    verdict: str = "PASS",
    *,
    ratio: float = 1.0,
    engine: str = "ort-cpu-fp32",
    runtimes: tuple[str, str] = ("onnxruntime 1.18.1", "onnxruntime 1.32.0"),
    batch: int = 32,
    starts_needed: int | None = None,
) -> dict[str, Any]:
    """What `retinaface ab --json` writes, of a session of two runtimes."""
    speed = {"name": "time of B over time of A", "verdict": verdict, "message": "", "numbers": {}}
    engines = {
        side: {"name": engine, "runtime": runtime}
        for side, runtime in zip(("A", "A again", "B"), (runtimes[0], *runtimes), strict=True)
    }
    return {
        "ab_version": 2,
        "verdict": verdict,
        "speed_verdict": verdict,
        "speed": {
            "ratio": ratio,
            "low": ratio * 0.99,
            "high": ratio * 1.01,
            "band": 0.02,
            "power": 1.05,
            "wanted": 1.1,
            "starts": 6,
            "starts_needed": starts_needed,
            "noise": {"estimate": 1.0, "low": 0.99, "high": 1.01},
        },
        "checks": [speed],
        "batch": batch,
        "seconds_taken": 60.0,
        "seconds": {side: [[0.1, 0.1]] for side in engines},
        "largest_differences": {"loc": 0.0},
        "engines": engines,
        "environments": {side: {"python": "3.11.7"} for side in engines},
    }
