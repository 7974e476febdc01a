"""Many batches and many sessions of each engine: do they hold their memory and file handles?

Each engine runs in a process of its own, so that none is charged for what another left.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from retinaface.checks.soak.judged import Sample, judge_samples
from retinaface.checks.speed.machine import FixedWork
from retinaface.engines.catalogue import BUILTIN, find_engine
from retinaface.engines.opening import open_engine
from retinaface.errors import RetinaFaceError
from retinaface.suite.judged.bench import output_check
from retinaface.suite.soak.first_pass import first_pass
from retinaface.suite.soak.readings import Readings
from retinaface.suite.soak.run import Plan, Soak
from retinaface.verdicts import Check

# The first sessions of a process import the runtime, and fill its caches.
_WARM = 10
_HELD = ("memory", "file handles", "threads", "outputs")


def cpu_engines() -> list[str]:
    """List the built-in engines that run on a processor."""
    return [name for name in BUILTIN if find_engine(name).device == "cpu"]


def run_batches(engine: str, n: int, batch: int, weights: str) -> list[Check]:
    """Run batches in one session."""
    check = output_check(engine, None, None, weights, "probabilities")
    with open_engine(engine, weights=weights, max_batch=batch) as runner:
        described = runner.describe()
        first = first_pass(runner, batch, check)
        with FixedWork("cpu", 0.01) as work:
            one = Soak(runner, first, Readings(described), work)
            one.run(Plan(None, n), lambda: False, lambda _sample: None)
            judged = judge_samples(one.samples, work.noise(), on_cpu=True, critical={})
    return [found for found in (first.verdict(), *judged) if found.name in _HELD]


def run_sessions(engine: str, n: int, batch: int, weights: str) -> list[Check]:
    """Open an engine, run two batches, close it, again and again."""
    check = output_check(engine, None, None, weights, "probabilities")
    samples: list[Sample] = []
    began = time.monotonic()
    for i in range(n + _WARM):
        with open_engine(engine, weights=weights, max_batch=batch) as runner:
            for _ in range(2):
                images = check.fill(runner, batch)
                check.check(runner, runner.infer(images))
            readings = Readings(runner.describe())
        if i >= _WARM:
            samples.append(Sample(time.monotonic() - began, 2, 1.0, 1.0, **readings.read()))
    with FixedWork("cpu", 0.01) as work:
        work.do()
        judged = judge_samples(samples, work.noise(), on_cpu=True, critical={})
    return [found for found in judged if found.name in _HELD]


def run_one(engine: str, batches: int, sessions: int, batch: int, weights: str) -> dict[str, Any]:
    """Run an engine in this process; gives JSON types."""
    found: dict[str, Any] = {"engine": engine, "batches": [], "sessions": []}
    try:
        if batches:
            checks = run_batches(engine, batches, batch, weights)
            found["batches"] = [check.as_json() for check in checks]
        if sessions:
            checks = run_sessions(engine, sessions, batch, weights)
            found["sessions"] = [check.as_json() for check in checks]
    except RetinaFaceError as error:
        found["problem"] = str(error)
    return found


def run_each(engines: Sequence[str], *words: str) -> list[dict[str, Any]]:
    """Run each engine in a process of its own."""
    found = []
    for engine in engines:
        command = [sys.executable, "-m", "benchmarks", "soak", "--engine", engine, "--here", *words]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        lines = ended.stdout.strip().splitlines()
        if ended.returncode or not lines:
            found.append({"engine": engine, "problem": f"ended with {ended.returncode}"})
        else:
            found.append(json.loads(lines[-1]))
        print(section(found[-1:]), file=sys.stderr, flush=True)
    return found


def section(results: Sequence[dict[str, Any]]) -> str:
    """Write a line for each check."""
    lines = []
    for result in results:
        if "problem" in result:
            lines.append(f"- `{result['engine']}`: {result['problem']}")
        for part in ("batches", "sessions"):
            for check in result.get(part, []):
                what = f"`{result['engine']}` {part}, {check['name']}"
                lines.append(f"- {check['verdict']} {what}: {check['message']}")
    return "\n".join(lines)
