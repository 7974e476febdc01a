"""Run an engine interval after interval until its time is over, its calls are made, or stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retinaface.checks.soak.judged import Sample
from retinaface.checks.speed.machine import FixedWork
from retinaface.engines.base import Engine
from retinaface.suite.soak.first_pass import FirstPass
from retinaface.suite.soak.readings import Readings

# A run has about so many intervals, none shorter or longer than these: a sample takes some
# milliseconds, and a kill loses one interval.
_N_INTERVALS, _SHORTEST_S, _LONGEST_S = 200, 1.0, 60.0
_N_WORK = 5


@dataclass(frozen=True)
class Plan:
    """When a soak ends: by what comes first.

    Attributes:
        seconds: From the first call; None for no limit.
        n_calls: None for no limit.
    """

    seconds: float | None
    n_calls: int | None = None

    @property
    def interval_s(self) -> float:
        """Choose the length of an interval."""
        if self.seconds is None:
            return _SHORTEST_S
        return float(np.clip(self.seconds / _N_INTERVALS, _SHORTEST_S, _LONGEST_S))


@dataclass
class Soak:
    """Runs an engine.

    Attributes:
        samples: So far.
        n_calls: So far.
    """

    engine: Engine
    first: FirstPass
    readings: Readings
    work: FixedWork

    def __post_init__(self) -> None:
        self.samples: list[Sample] = []
        self.n_calls = 0

    def run(
        self, plan: Plan, is_stopped: Callable[[], bool], take: Callable[[Sample], None]
    ) -> None:
        """Run until the plan's end.

        Args:
            is_stopped: Asked after each call.
            take: Gets each sample as soon as it is there.

        Raises:
            EngineFault: The runtime failed.
        """
        self.work.do()  # which starts its threads
        began = time.monotonic()
        end = np.inf if plan.seconds is None else began + plan.seconds
        most = np.inf if plan.n_calls is None else plan.n_calls

        def is_over() -> bool:
            return time.monotonic() >= end or self.n_calls >= most or is_stopped()

        while not is_over():
            until = time.monotonic() + plan.interval_s
            calls_s = [self._call()]
            while not is_over() and time.monotonic() < until:
                calls_s.append(self._call())
            for _ in range(_N_WORK):
                self.work.do()
            sample = Sample(
                at_s=time.monotonic() - began,
                n_calls=len(calls_s),
                call_s=float(np.median(calls_s)),
                work_s=float(np.median(self.work.seconds[-_N_WORK:])),
                **self.readings.read(),
            )
            self.samples.append(sample)
            take(sample)

    def _call(self) -> float:
        images = self.first.fill()
        started = time.perf_counter_ns()
        outputs = self.engine.infer(images)
        seconds = (time.perf_counter_ns() - started) * 1e-9
        self.first.check(outputs)
        self.n_calls += 1
        return seconds
