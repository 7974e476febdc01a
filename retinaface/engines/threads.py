"""How an engine on the CPU divides its processors: threads inside a call, and calls at a time."""

from __future__ import annotations

from retinaface.engines.base import EngineSpec
from retinaface.environment import n_usable_cpus

MAX_PARALLEL_CALLS = 4


def threads_and_calls(spec: EngineSpec) -> tuple[int | None, int]:
    """Choose threads inside a call (None for the runtime's own), and how many calls run at a time.

    Threads of one call wait for each other at every layer, and longest where other work takes their
    processors. Calls side by side do not, so few threads in several calls use shared processors
    better. Each call has intermediates of its own, which is why there are not more of them.
    """
    if spec.device != "cpu" or not spec.shares_cpus:
        return spec.threads, 1
    n_cpus = n_usable_cpus()
    if spec.threads is not None:
        return spec.threads, max(1, min(MAX_PARALLEL_CALLS, n_cpus // spec.threads))
    n_calls = min(MAX_PARALLEL_CALLS, n_cpus)
    return n_cpus // n_calls, n_calls
