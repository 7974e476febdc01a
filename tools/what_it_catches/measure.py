"""Run the suites over engines with faults of rising size, and see which test functions are red."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from retinaface.environment import package_versions
from tests.support.given.sized_faults import name_of
from tests.support.runs import EMBEDDED, SUITES, pytest_run
from tools.what_it_catches.kinds import AP, KINDS, MEMORY, RAW, SAMPLES, WALK, Kind
from tools.what_it_catches.samples import red_tests

_VALUES = (
    f"{SUITES}/test_export_fidelity.py::test_the_model_under_test_agrees_with_float64_torch",
    f"{SUITES}/test_fp16_parity.py::test_outputs_lie_within_what_fp16_rounding_predicts",
)
_CONTRACT = f"{SUITES}/test_engine_contract.py"
_FILES = {
    RAW: _VALUES,
    AP: (f"{SUITES}/test_widerface_ap.py",),
    WALK: (_CONTRACT,),
    MEMORY: (_CONTRACT,),
}
Tried = tuple[Kind, float]


def measure(tried: Sequence[Tried], folder: Path) -> dict[Tried, list[str]]:
    """Run what is concerned over each fault, faults with the same tests in one run.

    Args:
        tried: Kinds and sizes; engines do not touch each other.
        folder: For the records of the runs.

    Returns:
        The test functions that were red, in alphabetical order.

    Raises:
        RuntimeError: A fault was not judged by any test.
    """
    found = {(k, size): red_tests(k.fault, size) for k, size in tried if k.tests == SAMPLES}
    others = sorted((t for t in tried if t[0].tests != SAMPLES), key=lambda t: t[0].tests)
    for i, (tests, group) in enumerate(groupby(others, key=lambda t: t[0].tests)):
        found |= _run(tests, list(group), folder / f"record-{i}")
    return found


def _run(tests: str, group: Sequence[Tried], folder: Path) -> dict[Tried, list[str]]:
    names = {t: name_of(t[0].fault, t[1], t[0].precision) for t in group}
    engines = [f"--engine={name}" for name in dict.fromkeys(names.values())]
    run = pytest_run(folder, *_FILES[tests], *EMBEDDED, "--pipeline=igie", "-k", tests, *engines)
    found = {}
    for t, name in names.items():
        judged = {**run.outcomes(f"[{name}-"), **run.outcomes(f"[{name}]")}
        if not {"PASS", "FAIL"} & set(judged.values()):
            raise RuntimeError(f"no test judged {name}: {run.output[-2000:]}")
        red = {test for test, verdict in judged.items() if verdict == "FAIL"}
        found[t] = sorted({test.partition("::")[2].partition("[")[0] for test in red})
    return found


def ladders(kinds: Iterable[Kind]) -> list[Tried]:
    """List each size of each kind."""
    return [(kind, size) for kind in kinds for size in kind.sizes]


def smallest_caught(kind: Kind, red: Sequence[Sequence[str]]) -> float | None:
    """Find the smallest size from which on every size was red; None where the largest was not."""
    smallest = None
    for size, tests in zip(reversed(kind.sizes), reversed(red), strict=True):
        if not tests:
            break
        smallest = size
    return smallest


def measured(found: dict[Tried, list[str]], known: dict[str, Any]) -> dict[str, Any]:
    """Put what was found into the file's form; a kind that was not measured keeps its figures.

    Args:
        found: What `measure` gave, of whole ladders.
        known: The content of the file as it was; empty if there was none.
    """
    new = {kind.name: kind for kind, _ in found}
    rows = dict(known.get("kinds", {}))
    for name, kind in new.items():
        red = [found[kind, size] for size in kind.sizes]
        rows[name] = {
            "unit": kind.unit,
            "sizes": list(kind.sizes),
            "red": red,
            "smallest_caught": smallest_caught(kind, red),
        }
    return {
        "made": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "versions": package_versions(),
        "kinds": {kind.name: rows[kind.name] for kind in KINDS if kind.name in rows},
    }
