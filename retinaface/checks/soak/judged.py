"""Judge the samples of a soak: each figure by how much it grew from the first to the last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from retinaface.checks.intervals import CONFIDENCE, Interval
from retinaface.checks.soak.trend import LEAST_SAMPLES, growth, thirds
from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.steadiness import LARGEST_DRIFT, decide
from retinaface.telling.words import count
from retinaface.verdicts import Check, Verdict, judge_interval

# Over 10 000 batches engines of this package moved by less than a third of it: what allocators of
# runtimes keep. Half a kB of a call is more after 16 000 calls.
MOST_BYTES = 8 << 20
# A runtime may open a file or start a thread late, once; what grows on passes any number.
MOST_HANDLES = 2
# A device that warms up by less between the middle third of a run and the last is warm.
MOST_WARMING = 3.0
# So near to the temperature at which the device turns itself down, or off, nothing is left.
_BELOW_CRITICAL = 5.0
_MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """An interval of a soak, and what was read at its end; None where it is not readable.

    Attributes:
        at_s: Seconds since the start.
        n_calls: Of the interval.
        call_s: Median of their times.
        work_s: Median time of fixed work at the end of the interval.
        memory_bytes: Of this process, in RAM.
        handles: Open file descriptors of this process.
        threads: Of this process.
        celsius: By sensor.
        device_bytes: Used of the memory of the engine's device, by whomever.
    """

    at_s: float
    n_calls: int
    call_s: float
    work_s: float
    memory_bytes: int | None = None
    handles: int | None = None
    threads: int | None = None
    celsius: dict[str, float] = field(default_factory=dict)
    device_bytes: int | None = None


def judge_samples(
    samples: Sequence[Sample],
    machine: MachineNoise,
    *,
    on_cpu: bool,
    critical: dict[str, float],
) -> list[Check]:
    """Judge speed, memory, handles, threads and temperature; what is not readable has no check.

    Args:
        machine: What fixed work between the calls tells.
        on_cpu: Whether the engine runs on the processors that did the fixed work.
        critical: Degrees Celsius at which a sensor's device turns itself down, where told.
    """
    checks = [check_speed(samples, machine, on_cpu=on_cpu)]
    for name, read, limit, scale, unit in (
        ("memory", lambda s: s.memory_bytes, MOST_BYTES, _MIB, "MiB"),
        ("memory of the device", lambda s: s.device_bytes, MOST_BYTES, _MIB, "MiB"),
        ("file handles", lambda s: s.handles, MOST_HANDLES, 1, "open"),
        ("threads", lambda s: s.threads, MOST_HANDLES, 1, "running"),
    ):
        checks += _check_growth(name, samples, read, limit, scale, unit)
    for sensor in sorted({name for sample in samples for name in sample.celsius}):
        checks.append(_check_temperature(sensor, samples, critical.get(sensor)))
    return checks


def check_speed(samples: Sequence[Sample], machine: MachineNoise, *, on_cpu: bool) -> Check:
    """Judge by what factor calls grew slower along the run; on a processor, beside fixed work too.

    As within a validation run, 8 % count, and what fixed work shows is not blamed on the engine.
    """
    name = "speed"
    if len(samples) < LEAST_SAMPLES:
        return _too_few(name, samples)
    at_s = [s.at_s for s in samples]
    own = _ratio(growth(at_s, [math.log(s.call_s) for s in samples]))
    by_work = growth(at_s, [math.log(s.call_s / s.work_s) for s in samples])
    beside = _ratio(by_work) if on_cpu else own
    verdict = decide([own, beside], machine)
    text = (
        f"calls take {own.estimate:.3f} times as long at the end of {_hours(at_s)} as at the "
        f"start, {CONFIDENCE:.0%} interval [{own.low:.3f}, {own.high:.3f}]"
    )
    if on_cpu:
        text += f", {beside.estimate:.3f} beside fixed work"
    text += f"; more than {LARGEST_DRIFT:.0%} counts"
    if verdict is Verdict.INCONCLUSIVE:
        text += f": {machine.excuse() or _why_open(own, beside)}"
    numbers = {"low": own.low, "high": own.high, "beside_fixed_work": beside.estimate}
    numbers |= {"per_hour": own.estimate ** (3600 / (at_s[-1] - at_s[0])) - 1}
    limit, unit = 1 + LARGEST_DRIFT, "times the start"
    return Check(name, verdict, text, numbers, own.estimate, None, limit, unit, 1.0)


def _why_open(own: Interval, beside: Interval) -> str:
    if (own.low > 1 + LARGEST_DRIFT) is not (beside.low > 1 + LARGEST_DRIFT):
        return "calls and fixed work disagree: the machine itself changed its speed; run again"
    return "the calls are too uneven to tell; run longer"


def _ratio(of_logarithms: Interval) -> Interval:
    ends = (of_logarithms.estimate, of_logarithms.low, of_logarithms.high)
    return Interval(*map(math.exp, ends))


def _check_growth(
    name: str,
    samples: Sequence[Sample],
    read: Callable[[Sample], int | None],
    limit: int,
    scale: int,
    unit: str,
) -> list[Check]:
    """Judge a figure that may fall, but may not grow by more than a limit."""
    known = [(s.at_s, value) for s in samples if (value := read(s)) is not None]
    if not known:
        return []
    if len(known) < LEAST_SAMPLES:
        return [_too_few(name, samples)]
    at_s, values = zip(*known, strict=True)
    found = growth(at_s, values)
    low, high = (max(0.0, end) for end in (found.low, found.high))
    verdict = judge_interval(low, high, limit)
    first, _, last = thirds(values)
    text = (
        f"{found.estimate / scale:+.2f} {unit} along {_hours(at_s)}, {CONFIDENCE:.0%} interval "
        f"[{found.low / scale:+.2f}, {found.high / scale:+.2f}], allowed {limit / scale:g} (median "
        f"of the first third {first / scale:.1f}, of the last {last / scale:.1f})"
    )
    if verdict is Verdict.INCONCLUSIVE:
        text += ": run longer to tell"
    numbers = {"low": found.low, "high": found.high, "first": first, "last": last}
    return [Check(name, verdict, text, numbers, found.estimate, None, limit, unit)]


def _check_temperature(sensor: str, samples: Sequence[Sample], critical: float | None) -> Check:
    name = f"temperature of {sensor}"
    known = [(s.at_s, s.celsius[sensor]) for s in samples if sensor in s.celsius]
    if len(known) < LEAST_SAMPLES:
        return _too_few(name, samples)
    values = [value for _, value in known]
    first, middle, last = thirds(values)
    text = (
        f"{first:.1f} C, {middle:.1f} C, {last:.1f} C by thirds of the run, at most "
        f"{max(values):.1f}"
    )
    limit = None if critical is None else critical - _BELOW_CRITICAL
    numbers = {"first": first, "middle": middle, "last": last}
    verdict = Verdict.PASS
    if limit is not None and max(values) >= limit:
        verdict = Verdict.FAIL
        text += f": that is {critical:g}, at which it turns itself down, or nearly; cool it"
    elif last - middle > MOST_WARMING:
        verdict = Verdict.INCONCLUSIVE
        text += f": it was still warming up, by more than {MOST_WARMING:g}; run longer"
    return Check(name, verdict, text, numbers, max(values), None, limit, "C")


def _too_few(name: str, samples: Sequence[Sample]) -> Check:
    n, verb = len(samples), "tells" if len(samples) == 1 else "tell"
    text = f"{count(n, 'interval')} {verb} nothing, expected {LEAST_SAMPLES} or more; run longer"
    return Check(name, Verdict.INCONCLUSIVE, text, {"n": len(samples)})


def _hours(at_s: Sequence[float]) -> str:
    seconds = at_s[-1] - at_s[0]
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
