"""Times of two runs: on one accelerator judged by its noise, on a CPU only far beyond it.

On a CPU the clock shows what else the machine did meanwhile, so times are judged where both records
say that it was quiet; and even then two runs of one build differ by more than most builds. For
what records cannot tell, the command that can is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import structs

from retinaface.checks.intervals import Interval, ratio_interval
from retinaface.checks.speed.gate import MOST_EXCUSED, UNKNOWN_NOISE
from retinaface.checks.speed.machine import MachineNoise
from retinaface.comparison.metrics import Metric
from retinaface.comparison.pairs import Pair
from retinaface.comparison.times.ab_command import ab_command
from retinaface.records.read import Run
from retinaface.records.schema import Speed
from retinaface.typing import FloatArray
from retinaface.verdicts import Verdict, is_faster, judge_time_ratio

# Medians of one build in processes started one after another on two quiet virtual cores were 2.4 to
# 2.7 ms, and once 1.6; 539 and 370 us on another day: a factor of 1.5 is noise, 2 was never seen.
# Beside others that take half of the cores they were up to 6 times as long, and the time on a
# processor, which threads spend waiting for each other too, up to 2.9 times.
CPU_NOISE = 0.5
CPU_SLOWER = 1.0
# Medians of 15 turns with a yardstick differed by up to 10 % between runs, on a busy machine too.
YARDSTICK_NOISE = 0.25
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
    is_on_cpu = _is_on_cpu(pair)
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
        if (obstacle := _obstacle(pair)) is not None:
            judged: _Judged = None, f"reported, not judged: {obstacle}"
        elif is_on_cpu:
            judged = judge_on_cpu(ratio, both)
        else:
            judged = _judge_on_accelerator(ratio, both)
        verdict, note = judged
        if is_on_cpu and not command and verdict is not Verdict.FAIL:
            note += f"; {_AGAIN}"
        before, after = (1e3 * float(np.median(_floats(speed.samples_s))) for speed in both)
        name = f"time of {timed}"
        yield Metric(pair.name, name, "ms", before, after, ratio, verdict, note, command)


def judge_on_cpu(ratio: Interval, both: Sequence[Speed]) -> tuple[Verdict | None, str]:
    """Judge the times of calls on a CPU, where the machine was quiet in both runs.

    Args:
        ratio: Of the medians, new over old.
        both: Old and new.

    Returns:
        The verdict and what was found. Of two quiet runs FAIL beyond `CPU_SLOWER`, PASS within
        `CPU_NOISE`, INCONCLUSIVE between; of others None within `CPU_NOISE` and INCONCLUSIVE
        beyond, up to what no machine explains.
    """
    is_within = ratio.high <= 1 + CPU_NOISE
    if ratio.low > MOST_EXCUSED:
        return Verdict.FAIL, f"slower, beyond x {MOST_EXCUSED:g}, which no busy machine explains"
    if (unrest := _unrest(both)) is not None:
        return (None if is_within else Verdict.INCONCLUSIVE), unrest
    if ratio.low > 1 + CPU_SLOWER:
        return Verdict.FAIL, f"slower, beyond x {1 + CPU_SLOWER:g}, on a quiet machine"
    note = f"on a quiet CPU runs of one build differ by up to x {1 + CPU_NOISE:g}"
    return (Verdict.PASS if is_within else Verdict.INCONCLUSIVE), note


def _unrest(both: Sequence[Speed]) -> str | None:
    """Say what else the machine did, or that a record does not tell; None on a quiet machine."""
    for speed, side in zip(both, ("old", "new"), strict=True):
        if speed.machine is None:
            return f"the {side} record does not tell whether the machine was quiet"
        if problems := MachineNoise(**structs.asdict(speed.machine)).problems():
            return f"the machine was not quiet in the {side} run: {'; '.join(problems)}"
    return None


def _judge_on_accelerator(ratio: Interval, both: Sequence[Speed]) -> _Judged:
    note = f"runs of one build differ by up to {UNKNOWN_NOISE:.0%}"
    verdict = judge_time_ratio(ratio.low, ratio.high, UNKNOWN_NOISE)
    if verdict is Verdict.FAIL:
        # Records of before do not tell of the machine; then the device alone counts.
        unrest = _unrest(both) if all(speed.machine for speed in both) else None
        if unrest is not None and ratio.low <= MOST_EXCUSED:
            return Verdict.INCONCLUSIVE, unrest
        return verdict, f"slower: {note}"
    return verdict, f"faster: {note}" if is_faster(ratio.high, UNKNOWN_NOISE) else note


def _obstacle(pair: Pair) -> str | None:
    """Say why times of two runs do not compare; None where they are of one device."""
    devices = [side.engine.get("device") for side in pair.results]
    found = [run.environment.get("accelerators") for run in pair.runs]
    if "cpu" not in devices:
        for run, device, accelerators in zip(pair.runs, devices, found, strict=True):
            if device is None or accelerators is None:
                return f"the device is not known for {run.name}"
    names = [[device.get("name") for device in side or []] for side in found]
    if devices[0] != devices[1] or ("cpu" not in devices and names[0] != names[1]):
        return f"different devices: {devices[0]} {names[0]} and {devices[1]} {names[1]}"
    cpus = [(run.environment["cpu"], run.environment.get("n_cpus")) for run in pair.runs]
    if "cpu" in devices and cpus[0] != cpus[1]:
        return f"different processors: {cpus[0][1]} x {cpus[0][0]} and {cpus[1][1]} x {cpus[1][0]}"
    return None


def _is_on_cpu(pair: Pair) -> bool:
    return any(side.engine.get("device") == "cpu" for side in pair.results)


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
    obstacle = _obstacle(pair) or obstacle
    if obstacle is not None:
        verdict, note = None, f"reported, not judged: {obstacle}"
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
    return f"{what} is not the same: {builds[0] or 'not known'} and {builds[1] or 'not known'}"


def _build_of(run: Run, engine: str) -> str | None:
    """Name the runtime and the options of an engine of a run."""
    for result in run.results.values():
        if result.key.engine == engine and result.engine.get("runtime"):
            return f"{result.engine['runtime']} {result.engine.get('options') or ''}".strip()
    return None


def _ratio(sides: Sequence[Sequence[float]]) -> Interval:
    old, new = map(_floats, sides)
    return ratio_interval(old, new)


def _floats(samples: Sequence[float]) -> FloatArray:
    return np.asarray(samples, np.float64)
