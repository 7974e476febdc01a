"""Time an engine for a while, once, or from its opening on; outputs are checked meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from retinaface.checks.speed.machine import FixedWork
from retinaface.checks.speed.steadiness import LEAST_CALLS
from retinaface.checks.speed.timing import CheckedInputs
from retinaface.engines.base import Engine
from retinaface.engines.staged import StagedEngine
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

# Of a short list the fixed work is as long as this.
_START_UP_WORK_S = 0.01


def run_for(engine: Engine, inputs: CheckedInputs, seconds: float, work: FixedWork) -> list[float]:
    """Call an engine for so long, outputs checked throughout; gives the seconds of each call."""
    times: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times) < LEAST_CALLS:
        work.do()
        times.append(seconds_of(engine.infer, inputs))
    return times


@dataclass
class StartUps:
    """Start-up of an engine: a few sessions, each opened once and run once at each batch size.

    Attributes:
        session_s: Of opening each.
        first_run_s: By batch, of its first call in each session, the smallest batch first.
        inputs: By batch, with what was wrong in the outputs.
        work: Done before each session.
    """

    inputs: dict[int, CheckedInputs]
    work: FixedWork
    session_s: list[float] = field(default_factory=list)
    first_run_s: dict[int, list[float]] = field(default_factory=dict)


def time_start_ups(
    open_engine: Callable[[], Engine],
    inputs: dict[int, CheckedInputs],
    device: str,
    n_sessions: int,
) -> StartUps:
    """Open an engine a few times, and call each once at each batch size.

    The first session warms up what all share, such as files and libraries, and is not kept.

    Args:
        open_engine: Gives a new session.
        inputs: By batch.
        device: Of the engine.
        n_sessions: That are kept.
    """
    with FixedWork(device, _START_UP_WORK_S) as work:
        found = StartUps(inputs, work, first_run_s={batch: [] for batch in inputs})
        for i in range(n_sessions + 1):
            if i:
                work.do()
            started = time.perf_counter_ns()
            engine = open_engine()
            opened_s = (time.perf_counter_ns() - started) * 1e-9
            with engine:
                firsts_s = {
                    batch: seconds_of(engine.infer, inputs[batch]) for batch in sorted(inputs)
                }
            if i:
                found.session_s.append(opened_s)
                for batch, first_s in firsts_s.items():
                    found.first_run_s[batch].append(first_s)
    return found


def time_vendor_runs(
    engine: StagedEngine, inputs: CheckedInputs, work: FixedWork, n_times: int
) -> list[float]:
    """Time an engine as its maker's scripts do, a few times; outputs are checked after each.

    Returns:
        Of each time the seconds of one run: the mean of `engine.n_vendor_runs`.
    """
    times: list[float] = []
    for _ in range(n_times):
        work.do()
        times.append(vendor_run_s(engine, inputs.fill()))
        inputs.check(engine.fetch())
    return times


def vendor_run_s(engine: StagedEngine, images: FloatArray) -> float:
    """Time runs back to back as the engine's maker does; gives the seconds of one on average.

    The outputs of the last stay to be fetched.
    """
    engine.load(images)
    if engine.n_vendor_warm_up:
        engine.run_back_to_back(engine.n_vendor_warm_up)
    return engine.run_back_to_back(engine.n_vendor_runs)


def run_s(engine: StagedEngine, images: FloatArray) -> float:
    """Time one run without its copies; its outputs stay to be fetched."""
    engine.load(images)
    started = time.perf_counter_ns()
    engine.execute()
    return (time.perf_counter_ns() - started) * 1e-9


def seconds_of(infer: Callable[[FloatArray], RawOutputs], inputs: CheckedInputs) -> float:
    """Time a call; its outputs are checked outside the clock."""
    images = inputs.fill()
    started = time.perf_counter_ns()
    outputs = infer(images)
    seconds = (time.perf_counter_ns() - started) * 1e-9
    inputs.check(outputs)
    return seconds


def call_s_of(
    inputs: CheckedInputs, infer: Callable[[FloatArray], RawOutputs], n_warm_up: int
) -> float:
    """Warm up with checked calls, and give the seconds of the fastest."""
    return min(seconds_of(infer, inputs) for _ in range(n_warm_up))
