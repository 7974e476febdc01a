"""Times of two runs: on one accelerator judged by its noise, on a CPU only far beyond it.

On a CPU the clock shows what else the machine did meanwhile; the processor time of the same calls
hardly does. A build is called slower where both say so, and passes where neither does. Where
records cannot tell, the command that can is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from retinaface.checks.intervals import Interval, ratio_interval
from retinaface.checks.speed.gate import UNKNOWN_NOISE
from retinaface.comparison.ab_command import ab_command
from retinaface.comparison.metrics import Metric
from retinaface.comparison.pairs import Pair
from retinaface.records.read import Run
from retinaface.records.schema import Speed
from retinaface.typing import FloatArray
from retinaface.verdicts import Verdict, is_faster, judge_time_ratio

CPU_NOISE = 0.5
CPU_SLOWER = 1.5
YARDSTICK_NOISE = 0.25
# Below it the work is done in another process, whose time is not known.
_LEAST_SHARE = 0.1
# What `ab` times; of all else only another run tells more.
_NETWORK = "network"
_AGAIN = "to see less, run both again with nothing else on the machine"

RATE_UNIT = "x"

_Judged = tuple[Verdict | None, str]


def speed_metrics(pair: Pair) -> list[Metric]:
    """Compare times, and rates that were measured turn by turn with a yardstick."""
    return [*_times(pair), *_rates(pair)]


def _times(pair: Pair) -> Iterator[Metric]:
    old, new = (side.speed for side in pair.results)
    is_on_cpu = "cpu" in _devices(pair)
    for timed in old:
        if timed not in new:
            continue
        both = old[timed], new[timed]
        if not all(speed.samples_s for speed in both):
            note = "a record keeps no samples of it"
            yield Metric(pair.name, f"time of {timed}", "ms", None, None, None, None, note)
            continue
        ratio = _ratio([speed.samples_s for speed in both])
        command = ab_command(pair) if is_on_cpu and timed == _NETWORK else ""
        if (obstacle := _other_device(pair)) is not None:
            judged: _Judged = None, f"not comparable: {obstacle}"
        elif is_on_cpu:
            judged = judge_cpu_time(ratio, both)
        else:
            judged = _judge_on_accelerator(ratio)
        verdict, note = judged
        if is_on_cpu and not command and verdict is not Verdict.FAIL:
            note += f"; {_AGAIN}"
        before, after = (1e3 * float(np.median(_floats(speed.samples_s))) for speed in both)
        name = f"time of {timed}"
        yield Metric(pair.name, name, "ms", before, after, ratio, verdict, note, command)


def judge_cpu_time(ratio: Interval, both: Sequence[Speed]) -> tuple[Verdict | None, str]:
    """Judge calls on a CPU by the clock and by the time that its processors worked.

    Args:
        ratio: Of the medians by the clock, new over old.
        both: Old and new, with their samples.

    Returns:
        FAIL: both beyond `CPU_SLOWER`. PASS: both within `CPU_NOISE`. INCONCLUSIVE: anything else.
        None: within `CPU_NOISE` by the clock alone. Beside it what was found.
    """
    shares = [_processors(speed) for speed in both]
    if min(shares) < _LEAST_SHARE:
        why = "a record does not tell the processor time of the calls, so a busy machine and a "
        why += "slow build look the same"
        verdict = judge_time_ratio(ratio.low, ratio.high, CPU_NOISE)
        return (None if verdict is Verdict.PASS else Verdict.INCONCLUSIVE), why
    work = _ratio([speed.cpu_s for speed in both], of_means=True)
    words = (
        f"processor time x {work.estimate:.3f} [{work.low:.3f}, {work.high:.3f}], on "
        f"{shares[0]:.2f} and {shares[1]:.2f} processors: "
    )
    noise, slower = f"x {1 + CPU_NOISE:g}", f"x {1 + CPU_SLOWER:g}"
    if min(ratio.low, work.low) > 1 + CPU_SLOWER:
        return Verdict.FAIL, f"{words}slower by both, beyond {slower}"
    if max(ratio.high, work.high) <= 1 + CPU_NOISE:
        return Verdict.PASS, f"{words}runs of one build differ by up to {noise}"
    if work.high <= 1 + CPU_NOISE:
        why = "not more work, so the machine was busy, or the engine waits"
    elif ratio.high <= 1 + CPU_NOISE:
        why = "more work, which the clock does not show"
    else:
        why = f"not surely below {noise}, nor surely beyond {slower}"
    return Verdict.INCONCLUSIVE, words + why


def _judge_on_accelerator(ratio: Interval) -> _Judged:
    note = f"runs of one build differ by up to {UNKNOWN_NOISE:.0%}"
    verdict = judge_time_ratio(ratio.low, ratio.high, UNKNOWN_NOISE)
    if verdict is Verdict.FAIL:
        return verdict, f"slower: {note}"
    return verdict, f"faster: {note}" if is_faster(ratio.high, UNKNOWN_NOISE) else note


def _other_device(pair: Pair) -> str | None:
    """Say why times of two runs are of other devices; None where they are of one."""
    devices = _devices(pair)
    accelerators = [_accelerators(run) for run in pair.runs]
    if devices[0] != devices[1] or ("cpu" not in devices and accelerators[0] != accelerators[1]):
        sides = (f"{d} {a}" for d, a in zip(devices, accelerators, strict=True))
        return f"other devices, {' and '.join(sides)}"
    cpus = [(run.environment["cpu"], run.environment.get("n_cpus")) for run in pair.runs]
    if "cpu" in devices and cpus[0] != cpus[1]:
        return f"other processors, {cpus[0][1]} x {cpus[0][0]} and {cpus[1][1]} x {cpus[1][0]}"
    return None


def _devices(pair: Pair) -> list[str]:
    return [str(side.engine.get("device", "?")) for side in pair.results]


def _accelerators(run: Run) -> list[str]:
    return [str(device.get("name")) for device in run.environment.get("accelerators") or []]


def _rates(pair: Pair) -> Iterator[Metric]:
    """Compare rates over a yardstick, as times; where that is another one they tell nothing."""
    old, new = pair.results
    if old.share_of_peak and new.share_of_peak:
        numpys = [run.environment["packages"].get("numpy") for run in pair.runs]
        sides = old.share_of_peak, new.share_of_peak
        yield _rate(pair, "share of peak", sides, _changed("NumPy", numpys))
    for yardstick, turns in old.images_per_s_over.items():
        others = new.images_per_s_over.get(yardstick)
        if others and yardstick not in (old.key.engine, new.key.engine):
            builds = [_build_of(run, yardstick) for run in pair.runs]
            obstacle = _changed(yardstick, builds)
            yield _rate(pair, f"images/s over {yardstick}", (turns, others), obstacle)


def _rate(pair: Pair, name: str, sides: Sequence[list[float]], obstacle: str | None) -> Metric:
    """Judge the time that a rate stands for, as times on a CPU are."""
    rate = _ratio(sides)
    slowdown = 1 / rate.high, 1 / rate.low
    obstacle = _other_device(pair) or obstacle
    if obstacle is not None:
        verdict, note = None, f"not comparable: {obstacle}"
    elif slowdown[0] > 1 + CPU_SLOWER:
        verdict, note = Verdict.FAIL, f"slower, beyond x {1 + CPU_SLOWER:g}"
    else:
        is_within = slowdown[1] <= 1 + YARDSTICK_NOISE
        verdict = Verdict.PASS if is_within else Verdict.INCONCLUSIVE
        note = f"runs of one build differ by up to x {1 + YARDSTICK_NOISE:g}"
    old, new = (float(np.median(_floats(side))) for side in sides)
    return Metric(pair.name, name, RATE_UNIT, old, new, rate, verdict, note)


def _changed(what: str, builds: Sequence[str | None]) -> str | None:
    if builds[0] == builds[1] and builds[0] is not None:
        return None
    return f"{what} is another one, {builds[0] or 'not known'} and {builds[1] or 'not known'}"


def _build_of(run: Run, engine: str) -> str | None:
    """Name the runtime and the options of an engine of a run."""
    for result in run.results.values():
        if result.key.engine == engine and result.engine.get("runtime"):
            return f"{result.engine['runtime']} {result.engine.get('options') or ''}".strip()
    return None


def _processors(speed: Speed) -> float:
    """How many processors the calls had on average; 0 where the record does not tell."""
    return float(np.sum(_floats(speed.cpu_s)) / np.sum(_floats(speed.samples_s)))


def _ratio(sides: Sequence[Sequence[float]], *, of_means: bool = False) -> Interval:
    old, new = map(_floats, sides)
    return ratio_interval(old, new, of_means=of_means)


def _floats(samples: Sequence[float]) -> FloatArray:
    return np.asarray(samples, np.float64)
