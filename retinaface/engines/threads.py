"""Divide the processors of a CPU engine into threads inside a call and calls at a time."""

from __future__ import annotations

from retinaface.engines.base import EngineSpec
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
