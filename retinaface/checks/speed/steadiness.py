"""Times within one run: do calls grow slower, and is one in ten far slower than the others?

Both are judged beside fixed work that was done between the calls: what the machine did to that is
not blamed on the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retinaface.checks.intervals import CONFIDENCE, Interval, in_blocks, ratio_interval
from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.power import (
    WANTED,
    noise_of_interval,
    percent,
    power_words,
    smallest_slow_share,
    smallest_slowdown,
    times_as_many,
)
from retinaface.typing import FloatArray
from retinaface.verdicts import Check, Verdict, judge_time_ratio

# Over seconds two cores that had nothing else to do drifted by up to 4 %; twice that counts.
LARGEST_DRIFT = 0.08
# Without a baseline: nine calls of ten took at most 1.25 times the median there, but a call whose
# two threads land on one processor takes up to twice as long, and no engine is to blame for that.
LARGEST_TAIL = 2.0
# Of a tail: single calls are its ends, and an honest engine's tail lies far from the limit.
TAIL_CONFIDENCE = 0.8
# How far tails of two runs of one build may lie apart where runs do not tell.
_TAIL_NOISE = 0.25
# Beyond this share slow calls move the median.
_MOST_SLOW = 1 / 3
# Fewer calls tell nothing of a run's course.
LEAST_CALLS = 12
# Of a long run, medians of so many blocks stand for all calls of a third.
_MOST_BLOCKS = 400
_N_RESAMPLES = 2000
_MOST_RESAMPLED = 4000
_SEED = 20_261_126


def check_drift(
    seconds: Sequence[float], work_s: Sequence[float], machine: MachineNoise, *, on_cpu: bool
) -> Check:
    """Compare the last third of the calls with the first.

    On a processor the calls are also judged over the fixed work beside them, and both must agree;
    those of an accelerator do not follow it.

    Args:
        seconds: (N,) of each call, in order.
        work_s: (N,) of the fixed work before each.
        machine: What it did meanwhile.
        on_cpu: Whether the engine runs on the processors that did the fixed work.
    """
    times, work = np.asarray(seconds, np.float64), np.asarray(work_s, np.float64)
    own = ratio_interval(*_ends(times))
    beside = ratio_interval(*_ends(times / work)) if on_cpu else own
    widest = max(own, beside, key=lambda interval: interval.high / interval.low)
    noise = noise_of_interval(widest)  # a FAIL wants both
    smallest = smallest_slowdown(noise, LARGEST_DRIFT)
    verdict = decide([own, beside], machine)
    text = (
        f"the last third of {len(times)} calls took {own.estimate:.3f} times as long as the first, "
        f"{CONFIDENCE:.0%} interval [{own.low:.3f}, {own.high:.3f}]"
    )
    if on_cpu:
        text += f", {beside.estimate:.3f} beside fixed work"
    text += f"; more than {LARGEST_DRIFT:.0%} counts; {power_words(smallest)}"
    if verdict is Verdict.INCONCLUSIVE:
        times_more = times_as_many(noise, LARGEST_DRIFT, WANTED)
        text += f": {machine.excuse() or _more_calls(len(times), times_more)}"
    numbers = {
        "drift": own.estimate,
        "low": own.low,
        "high": own.high,
        "beside_fixed_work": beside.estimate,
        "smallest_slowdown": smallest,
        "machine": machine.as_json(),
    }
    unit = "times the first third"
    return Check("drift within the run", verdict, text, numbers, own.estimate, None,
                 1 + LARGEST_DRIFT, unit, 1.0)  # fmt: skip


def decide(intervals: Sequence[Interval], machine: MachineNoise) -> Verdict:
    """Pass what all call steady, or any on a quiet machine; blame what all call slower on one."""
    found = {judge_time_ratio(i.low, i.high, LARGEST_DRIFT) for i in intervals}
    if found == {Verdict.PASS}:
        return Verdict.PASS
    if machine.problems():
        return Verdict.INCONCLUSIVE
    if found == {Verdict.FAIL}:
        return Verdict.FAIL
    is_fine = Verdict.PASS in found and Verdict.FAIL not in found
    return Verdict.PASS if is_fine else Verdict.INCONCLUSIVE


def check_tail(
    seconds: Sequence[float],
    machine: MachineNoise,
    baseline: Sequence[Sequence[float]] = (),
) -> Check:
    """Compare what nine tenths of the calls took at most with the median.

    Args:
        seconds: (N,) of each call.
        machine: What it did meanwhile.
        baseline: Samples of the accepted runs; without any a fixed limit holds.
    """
    times = np.asarray(seconds, np.float64)
    drawn = _drawn(times)
    slow, fast = (np.quantile(drawn, q, axis=1) for q in (0.9, 0.1))
    tail = _interval(slow / np.median(times), _tail(times))
    limit, source = _largest_tail(baseline)
    share = smallest_slow_share(len(times), 0.9, TAIL_CONFIDENCE)
    # Where all calls were held up, the median hides how much: then the fast ones are the measure.
    from_fastest = _interval(slow / fast, 1.0).high
    verdict = Verdict.INCONCLUSIVE
    if tail.high <= limit and (not machine.problems() or from_fastest <= limit):
        verdict = Verdict.PASS
    elif tail.low > limit * max(1.0, machine.tail) and not machine.problems():
        verdict = Verdict.FAIL
    text = (
        f"one call in ten of {len(times)} took {tail.estimate:.2f} times the median and longer, "
        f"{TAIL_CONFIDENCE:.0%} interval [{tail.low:.2f}, {tail.high:.2f}]; at most {limit:.2f} "
        f"({source}); {_share_words(share)}"
    )
    if verdict is Verdict.INCONCLUSIVE:
        text += f": {machine.excuse() or _more_calls(len(times), None)}"
    numbers = {
        "tail": tail.estimate,
        "low": tail.low,
        "high": tail.high,
        "smallest_share": share,
        "machine": machine.as_json(),
    }
    unit = "times the median"
    return Check("slow calls", verdict, text, numbers, tail.estimate, None, limit, unit, 1.0)


def _share_words(share: float) -> str:
    if share > _MOST_SLOW:  # then the median is one of them as likely as not
        return "so few calls leave slow ones open, and call none"
    return f"calls it nine times of ten where {share:.0%} of the calls are so slow"


def _largest_tail(baseline: Sequence[Sequence[float]]) -> tuple[float, str]:
    tails = [_tail(np.asarray(run, np.float64)) for run in baseline if len(run) >= LEAST_CALLS]
    if not tails:
        return LARGEST_TAIL, "for any engine"
    noise = max(_TAIL_NOISE, 1.5 * (max(tails) / min(tails) - 1))
    middle = float(np.median(tails))
    return middle * (1 + noise), f"the baseline's {middle:.2f} and {noise:.0%}"


def _tail(times: FloatArray) -> float:
    return float(np.quantile(times, 0.9) / np.median(times))


def drift_of(seconds: FloatArray) -> float:
    """Compute the median of the last third over that of the first."""
    first, last = _ends(seconds)
    return float(np.median(last) / np.median(first))


def _ends(times: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give the first and the last third; of many calls, medians of blocks of them."""
    third = max(1, len(times) // 3)
    return in_blocks(times[:third], _MOST_BLOCKS), in_blocks(times[-third:], _MOST_BLOCKS)


def _drawn(times: FloatArray) -> FloatArray:
    """Resample; of many calls, as many as fit."""
    rng = np.random.default_rng(_SEED)
    size = min(len(times), _MOST_RESAMPLED)
    n_resamples = _N_RESAMPLES if size < _MOST_RESAMPLED else _N_RESAMPLES // 4
    return np.asarray(times[rng.integers(0, len(times), (n_resamples, size))])


def _interval(ratios: FloatArray, estimate: float) -> Interval:
    ends = (1 - TAIL_CONFIDENCE) / 2
    low, high = np.quantile(ratios, [ends, 1 - ends])
    return Interval(estimate, float(low), float(high))


def _more_calls(n: int, times: float | None) -> str:
    if times is None or times <= 1:
        return "the calls themselves are too uneven to tell; run again, for longer: --soak SECONDS"
    return f"{int(np.ceil(n * times))} calls would call {percent(WANTED)}: --soak SECONDS"
