"""Time two things turn by turn, so that the noise of the machine affects both."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from retinaface.checks.speed.timing import CheckedInputs
from retinaface.engines.base import Engine
from retinaface.typing import FloatArray

# Images/s of any engine are given as a multiple of its images/s, so that machines compare.
YARDSTICK = "ort-cpu-fp32"
# Multiply-adds of the network for one 320x320 image, times two (facts of the model's own graph).
FLOPS_PER_IMAGE = 2 * 245.3e6


def share_of_peak(engine: Engine, images: FloatArray, turns: int) -> list[float]:
    """Measure the share of one core's matrix-product rate that an engine reaches, turn by turn.

    Both run in one thread, one after the other, so that the machine's noise affects both.

    Args:
        engine: Opened with one thread.
        images: (N, 3, H, W) float32.
        turns: How many pairs.

    Returns:
        One share for each turn.
    """
    from threadpoolctl import threadpool_limits

    side = 768
    a = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    shares = []
    with threadpool_limits(1):
        for turn in range(turns + 1):
            started = time.perf_counter_ns()
            for _ in range(4):
                a @ a
            product_s = (time.perf_counter_ns() - started) * 1e-9
            started = time.perf_counter_ns()
            engine.infer(images)
            network_s = (time.perf_counter_ns() - started) * 1e-9
            if turn:  # the first warms up
                peak = 4 * 2 * side**3 / product_s
                shares.append(FLOPS_PER_IMAGE * len(images) / network_s / peak)
    return shares


def turn_by_turn(
    engine: Engine, yardstick: Engine, inputs: Sequence[CheckedInputs], turns: int
) -> list[float]:
    """Measure images/s of an engine over those of a yardstick, so that noise affects both.

    Each goes first in every other turn.

    Args:
        engine: Open.
        yardstick: Open; the same one tells how much two calls of one engine differ.
        inputs: Those of the engine, then of the yardstick, with the same number of images in a
            call; the outputs are checked, outside the clock.
        turns: How many pairs.

    Returns:
        One ratio for each turn.
    """
    sides = [*zip((engine, yardstick), inputs, strict=True)]
    ratios = []
    for turn in range(turns + 1):
        seconds = [0.0, 0.0]
        for side in (0, 1) if turn % 2 else (1, 0):
            called, checked = sides[side]
            images = checked.fill()
            started = time.perf_counter_ns()
            outputs = called.infer(images)
            seconds[side] = (time.perf_counter_ns() - started) * 1e-9
            checked.check(outputs)
        if turn:  # the first warms up
            ratios.append(seconds[1] / seconds[0])
    return ratios


def middle_of_turns(values: Sequence[float]) -> tuple[float, float, float]:
    """Find the values below which a tenth, half and nine tenths of the turns lie.

    Args:
        values: One for each turn, at least one; records may hold a NaN or an infinity as words.
    """
    low, median, high = np.quantile(np.asarray(values, np.float64), [0.1, 0.5, 0.9])
    return float(low), float(median), float(high)
