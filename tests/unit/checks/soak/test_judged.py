"""Each figure of a soak is judged by what it grew: both sides of each limit."""

from dataclasses import replace

import numpy as np
import pytest

from retinaface.checks.soak.judged import (
    MOST_BYTES,
    MOST_HANDLES,
    Sample,
    judge_samples,
)
from retinaface.checks.speed.machine import MachineNoise
from retinaface.verdicts import Verdict

QUIET, BUSY = MachineNoise(1.0, 1.0, 0.0), MachineNoise(1.0, 1.0, 0.5)
RNG = np.random.default_rng(1)
NOISE = RNG.normal(0, 0.002, 60)


def made(n=60, **changed):
    """Make samples; what is given by name is a function of the share of the run that is over."""
    samples = []
    for i in range(n):
        sample = Sample(10.0 * (i + 1), 100, 0.01 * (1 + NOISE[i]), 0.002, 300 << 20, 9, 7)
        share = i / (n - 1)
        values = {name: value(share) for name, value in changed.items()}
        samples.append(replace(sample, **values))
    return samples


def judged(samples, machine=QUIET, *, on_cpu=True, critical=None):
    checks = judge_samples(samples, machine, on_cpu=on_cpu, critical=critical or {})
    return {check.name: check for check in checks}


def verdicts(samples, **settings):
    return {name: check.verdict for name, check in judged(samples, **settings).items()}


def test_an_engine_that_holds_all_passes():
    assert verdicts(made()) == dict.fromkeys(
        ("speed", "memory", "file handles", "threads"), Verdict.PASS
    )


def test_calls_that_grow_slower_fail_unless_the_machine_does():
    slower = {"call_s": lambda share: 0.01 * (1 + 0.2 * share)}
    assert verdicts(made(**slower))["speed"] is Verdict.FAIL
    found = judged(made(**slower))["speed"]
    assert "1.2" in found.message
    assert found.value == pytest.approx(1.2, abs=0.02)
    with_work = {**slower, "work_s": lambda share: 0.002 * (1 + 0.2 * share)}
    slow_machine = judged(made(**with_work))["speed"]
    assert slow_machine.verdict is Verdict.INCONCLUSIVE
    assert "the machine itself changed its speed" in slow_machine.message
    assert verdicts(made(**with_work), on_cpu=False)["speed"] is Verdict.FAIL
    busy = judged(made(**slower), BUSY)["speed"]
    assert busy.verdict is Verdict.INCONCLUSIVE
    assert "the machine was not quiet" in busy.message


def test_calls_that_grow_faster_pass():
    assert verdicts(made(call_s=lambda share: 0.01 * (1 - 0.3 * share)))["speed"] is Verdict.PASS


@pytest.mark.parametrize("field", ["memory_bytes", "device_bytes"])
def test_memory_that_grows_beyond_the_limit_fails(field):
    name = "memory" if field == "memory_bytes" else "memory of the device"
    within = made(**{field: lambda share: (300 << 20) + int(0.5 * MOST_BYTES * share)})
    beyond = made(**{field: lambda share: (300 << 20) + int(2 * MOST_BYTES * share)})
    assert verdicts(within)[name] is Verdict.PASS
    assert verdicts(beyond)[name] is Verdict.FAIL
    falls = made(**{field: lambda share: (300 << 20) - int(9 * MOST_BYTES * share)})
    assert verdicts(falls)[name] is Verdict.PASS
    found = judged(beyond)[name]
    assert found.message.startswith("+16.00 MiB along 590 s, 95% interval [+16.00, +16.00], allow")


@pytest.mark.parametrize(("field", "name"), [("handles", "file handles"), ("threads", "threads")])
def test_handles_and_threads_that_grow_fail(field, name):
    assert verdicts(made(**{field: lambda share: 9 + (share > 0.05)}))[name] is Verdict.PASS
    grows = made(**{field: lambda share: 9 + int(3 * MOST_HANDLES * share)})
    assert verdicts(grows)[name] is Verdict.FAIL


def test_what_is_not_readable_has_no_check():
    nothing = made(memory_bytes=lambda _: None, handles=lambda _: None, threads=lambda _: None)
    assert list(judged(nothing)) == ["speed"]


def test_a_temperature_passes_once_it_stands_and_fails_near_the_critical_one():
    name = "temperature of cpu"
    steady = made(celsius=lambda share: {"cpu": min(60.0, 30 + 100 * share)})
    assert verdicts(steady)[name] is Verdict.PASS
    assert verdicts(steady, critical={"cpu": 100.0})[name] is Verdict.PASS
    assert verdicts(steady, critical={"cpu": 64.0})[name] is Verdict.FAIL
    rising = judged(made(celsius=lambda share: {"cpu": 30 + 20 * share}))[name]
    assert rising.verdict is Verdict.INCONCLUSIVE
    assert "still warming up" in rising.message


def test_few_samples_tell_nothing():
    found = judged(made(n=11, celsius=lambda _: {"cpu": 50.0}))
    assert {check.verdict for check in found.values()} == {Verdict.INCONCLUSIVE}
    assert "11 intervals tell nothing, expected 12 or more; run longer" in found["memory"].message
    assert judged([])["speed"].verdict is Verdict.INCONCLUSIVE
