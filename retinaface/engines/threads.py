"""Threads: how many a call takes, how many calls run at a time, and whose turn it is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from retinaface.engines.spec import EngineSpec
from retinaface.environment import n_usable_cpus

MAX_PARALLEL_CALLS = 4


def threads_and_calls(spec: EngineSpec) -> tuple[int | None, int]:
    """Choose the threads inside a call (None for the runtime's own) and the calls at a time.

    Threads of one call wait for each other at every layer, and longest where other work takes their
    processors. Parallel calls do not, so few threads in several calls use shared processors better.
    Each call has its own intermediates, which limits the number of calls.
    """
    if spec.device != "cpu" or not spec.shares_cpus:
        return spec.threads, 1
    n_cpus = n_usable_cpus()
    if spec.threads is not None:
        return spec.threads, max(1, min(MAX_PARALLEL_CALLS, n_cpus // spec.threads))
    n_calls = min(MAX_PARALLEL_CALLS, n_cpus)
    return n_cpus // n_calls, n_calls


class Turns:
    """Lets a number of calls in at a time; further ones wait."""

    def __init__(self) -> None:
        """Start with nobody in."""
        self._n_inside, self._left = 0, threading.Condition()

    @contextlib.contextmanager
    def take(self, n_at_a_time: int) -> Iterator[None]:
        """Wait until fewer than `n_at_a_time` are in, and be in until the block ends."""
        with self._left:
            self._left.wait_for(lambda: self._n_inside < n_at_a_time)
            self._n_inside += 1
        try:
            yield
        finally:
            with self._left:
                self._n_inside -= 1
                self._left.notify()
