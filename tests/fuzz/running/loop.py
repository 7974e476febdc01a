"""Read damaged inputs of a target, count what happens, and keep the smallest of each failure."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinaface.assets import CACHE_VARIABLE
from tests.fuzz.mutation import damage
from tests.fuzz.running import cases
from tests.fuzz.running.child import Child, prepare
from tests.fuzz.running.judging import FAILURE, Outcome
from tests.fuzz.target import LIMIT_S, Target

# Tests replay cases on machines with other work: what takes so much longer hangs.
_PATIENCE = 6


@dataclass
class Finding:
    """A failure, by its signature.

    Attributes:
        outcome: Of the smallest input.
        data: The smallest input.
        origin: The command that reads it again, after `python -m tests.fuzz`.
        count: How many inputs ended so.
        path: Where it is stored; None where it is not, or too long.
    """

    outcome: Outcome
    data: bytes
    origin: str
    count: int = 0
    path: Path | None = None


@dataclass
class Tally:
    """What a target did with all its inputs."""

    target: str
    counts: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, outcome: Outcome, data: bytes, origin: str) -> None:
        """Count an input."""
        self.counts[outcome.what] += 1
        self.slowest_s = max(self.slowest_s, outcome.seconds)
        if outcome.what != FAILURE:
            return
        known = self.findings.setdefault(outcome.signature, Finding(outcome, data, origin))
        known.count += 1
        if len(data) < len(known.data):
            known.outcome, known.data, known.origin = outcome, data, origin

    def as_dict(self) -> dict[str, Any]:
        """Give plain data."""
        found = [
            one.outcome.as_dict()
            | {"count": one.count, "origin": one.origin, "size": len(one.data)}
            for one in self.findings.values()
        ]
        counts = {what: self.counts[what] for what in ("read", "refused", "failure")}
        return counts | {"slowest_s": round(self.slowest_s, 3), "findings": found}


@contextlib.contextmanager
def ready(target: Target, limit_s: float = LIMIT_S) -> Iterator[tuple[Child, list[bytes]]]:
    """Make a whole input and a child that reads; the user's cache and settings are not used."""
    work = Path(tempfile.mkdtemp(prefix="retinaface-fuzz-"))
    before = dict(os.environ)
    os.environ.update({CACHE_VARIABLE: str(work / "cache"), "RETINAFACE_CONFIG": "none"})
    os.environ["TMPDIR"] = str(work)
    try:
        seeds = prepare(target, work / "input")
        with Child(target, work / "input", seeds, limit_s) as child:
            yield child, seeds
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(work, ignore_errors=True)


def made(target: Target, seeds: list[bytes], seed: int, number: int) -> bytes:
    """Make a damaged input: the same for the same target, seed and number."""
    rng = random.Random(f"{seed}/{target.name}/{number}")  # noqa: S311 - no secret
    data = damage(rng.choice(seeds), target.form, rng)
    if target.seal is not None and rng.random() < 0.8:
        with contextlib.suppress(
            ValueError, TypeError, LookupError, AttributeError, RecursionError
        ):
            data = target.seal(data)
    return data


def fuzz(target: Target, tally: Tally, seed: int, numbers: range, until: float) -> None:
    """Read damaged inputs until all numbers, or the time, are used up."""
    with ready(target) as (child, seeds):
        for number in numbers:
            if time.monotonic() > until:
                return
            data = made(target, seeds, seed, number)
            origin = f"replay --target {target.name} --seed {seed} --number {number}"
            tally.add(child.outcome(data), data, origin)


def replay(target: Target, tally: Tally, seed: int, n_more: int) -> None:
    """Read the stored cases of a target, and a few new inputs."""
    with ready(target, _PATIENCE * LIMIT_S) as (child, seeds):
        for name, data in cases.stored(target.name):
            tally.add(child.outcome(data), data, f"show {cases.CASES / target.name / name}")
        for number in range(n_more // target.cost):
            data = made(target, seeds, seed, number)
            origin = f"replay --target {target.name} --seed {seed} --number {number}"
            tally.add(child.outcome(data), data, origin)
