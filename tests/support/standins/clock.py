"""A clock that engines turn, in place of the machine's: what is timed does not hang on who runs.

A pytest plugin, `-p tests.support.standins.clock`; its `now` is pytest-benchmark's timer too.
Fixed work takes as long as it should; an engine that makes the machine slower slows it too.
"""

from __future__ import annotations

from types import SimpleNamespace

# Of one hash of fixed work.
_HASH_S = 1e-6
_state = SimpleNamespace(now_s=0.0, slowness=1.0)


def now() -> float:
    """Read the clock; it goes on by a nanosecond, for who waits until it moves."""
    _state.now_s += 1e-9
    return _state.now_s


def let_pass(seconds: float) -> None:
    """Let time pass, more of it where the machine is slow."""
    _state.now_s += seconds * _state.slowness


def slow_down(factor: float) -> None:
    """Make the machine so many times as slow as it was at first."""
    _state.slowness = factor


def pytest_configure() -> None:
    """Put it in place."""
    from retinaface.checks.speed import machine
    from retinaface.suite.judged import calls

    clock = SimpleNamespace(
        perf_counter=now,
        perf_counter_ns=lambda: int(now() * 1e9),
        monotonic=now,
        thread_time=now,
    )
    machine.time = calls.time = clock
    machine.n_usable_cpus = lambda: 1
    machine.hashlib = SimpleNamespace(
        pbkdf2_hmac=lambda _name, _word, _salt, amount: let_pass(amount * _HASH_S)
    )
