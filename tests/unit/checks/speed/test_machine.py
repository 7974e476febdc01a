from types import SimpleNamespace

import pytest

from retinaface.checks.speed import machine
from retinaface.checks.speed.machine import (
    MOST_DRIFT,
    MOST_TAIL,
    MOST_TAKEN,
    FixedWork,
    MachineNoise,
)

QUIET = MachineNoise(drift=1.01, tail=1.05, taken=0.01)


@pytest.fixture
def clock(monkeypatch):
    """A machine of one processor: a hash takes 1 us, `slowness` times as long, and may wait."""
    state = SimpleNamespace(now_s=0.0, on_cpu_s=0.0, slowness=1.0, waits_s=0.0, amounts=[])

    def work(_name, _word, _salt, amount):
        state.amounts.append(amount)
        state.on_cpu_s += amount * 1e-6 * state.slowness
        state.now_s += amount * 1e-6 * state.slowness + state.waits_s

    times = SimpleNamespace(perf_counter=lambda: state.now_s, thread_time=lambda: state.on_cpu_s)
    monkeypatch.setattr(machine, "time", times)
    monkeypatch.setattr(machine, "hashlib", SimpleNamespace(pbkdf2_hmac=work))
    return state


@pytest.mark.parametrize(
    ("call_s", "work_s"), [(1e-5, 0.001), (0.004, 0.004), (2.0, 0.01)], ids=["short", "as", "long"]
)
def test_the_work_is_about_as_long_as_a_call_between_limits(clock, call_s, work_s):
    with FixedWork("cuda", call_s) as work:
        work.do()
    assert work.seconds == pytest.approx([work_s])


def test_on_steady_processors_the_work_is_steady_and_always_the_same(clock):
    with FixedWork("cuda", 0.002) as work:
        for _ in range(9):
            work.do()
    assert len(set(clock.amounts[-9:])) == 1
    noise = work.noise()
    assert (noise.drift, noise.tail) == (pytest.approx(1), pytest.approx(1))
    assert noise.taken == pytest.approx(0, abs=1e-9)
    assert noise.excuse() == ""


def test_a_clock_that_falls_is_seen_as_drift(clock):
    with FixedWork("cuda", 0.002) as work:
        for i in range(9):
            clock.slowness = 1.2 if i >= 6 else 1.0
            work.do()
    noise = work.noise()
    assert noise.drift == pytest.approx(1.2)
    assert "fixed work took 1.20 times as long at the end as at the start" in noise.excuse()
    assert noise.taken == pytest.approx(0, abs=1e-9)


def test_waiting_for_a_processor_is_seen_as_taken(clock):
    with FixedWork("cuda", 0.002) as work:
        for _ in range(9):
            clock.waits_s = 0.002
            work.do()
    noise = work.noise()
    assert noise.taken == pytest.approx(0.5)
    assert "other processes took 50% of the time of fixed work" in noise.excuse()


def test_on_a_processor_the_work_runs_on_as_many_as_may_be_used(monkeypatch):
    monkeypatch.setattr(machine, "n_usable_cpus", lambda: 3)
    done = []
    monkeypatch.setattr(
        machine, "hashlib", SimpleNamespace(pbkdf2_hmac=lambda *words: done.append(words[3]))
    )
    for device, n in (("cpu", 3), ("cuda", 1)):
        with FixedWork(device, 0.002) as work:
            done.clear()
            work.do()
        assert len(done) == n


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (QUIET, ""),
        (MachineNoise(1.0, 1.0, 1.5 * MOST_TAKEN), "other processes took"),
        (MachineNoise(1.0, 1.1 * MOST_TAIL, 0.0), "a tenth of the fixed work took"),
        (MachineNoise(1.02 + MOST_DRIFT, 1.0, 0.0), "at the end as at the start"),
        (MachineNoise(0.97 - MOST_DRIFT, 1.0, 0.0), "at the end as at the start"),
        (MachineNoise(float("nan"), 1.0, 0.0), "at the end as at the start"),
    ],
    ids=["quiet", "taken", "tail", "slower", "faster", "nan"],
)
def test_what_was_not_steady_is_named(noise, words):
    assert bool(noise.problems()) == bool(words)
    assert words in noise.excuse()
    assert ("stop what else runs on it" in noise.excuse()) == bool(words)
    assert set(noise.as_json()) == {"drift", "tail", "taken"}
