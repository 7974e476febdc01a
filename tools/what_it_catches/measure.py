"""Run the suites over engines with faults of rising size, and see which test functions are red."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from retinaface.environment import cpu_model, n_usable_cpus, package_versions
from tests.support.given.sized_faults import name_of
from tests.support.runs import EMBEDDED, SUITES, Run, pytest_run
from tools.what_it_catches.kinds import AP, KINDS, MEMORY, RAW, SAMPLES, WALK, WALKS, Kind
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
    WALKS: (_CONTRACT,),
    MEMORY: (_CONTRACT,),
}
_UNEXPLAINED = ("-p", "tests.support.given.unexplained")
Tried = tuple[Kind, float]


class Judged(NamedTuple):
    """Test functions over one fault, in alphabetical order: red ones, and INCONCLUSIVE ones."""

    red: list[str]
    undecided: list[str]


def measure(tried: Sequence[Tried], folder: Path) -> dict[Tried, Judged]:
    """Run what is concerned over each fault, faults with the same tests in one run.

    Args:
        tried: Kinds and sizes; engines do not touch each other.
        folder: For the records of the runs.

    Raises:
        RuntimeError: No test judged a fault, one ended in an error instead of a judgement, or none
            was red for the reason of the fault.
    """
    drawn = [t for t in tried if t[0].tests == SAMPLES]
    found = {(k, size): Judged(red_tests(k.fault, size, k.says), []) for k, size in drawn}
    others = sorted((t for t in tried if t[0].tests != SAMPLES), key=lambda t: t[0].tests)
    for i, (tests, group) in enumerate(groupby(others, key=lambda t: t[0].tests)):
        found |= _run(tests, list(group), folder / f"record-{i}")
    return found


def _run(tests: str, group: Sequence[Tried], folder: Path) -> dict[Tried, Judged]:
    names = {t: name_of(t[0].fault, t[1], t[0].precision) for t in group}
    engines = [f"--engine={name}" for name in dict.fromkeys(names.values())]
    words = (*_FILES[tests], *EMBEDDED, "--pipeline=igie", "-k", tests, *_UNEXPLAINED)
    run = pytest_run(folder, *words, *engines)
    return {t: _judged(run, t[0], name) for t, name in names.items()}


def _judged(run: Run, kind: Kind, name: str) -> Judged:
    """Find the test functions that are not green over an engine; red ones name its fault."""
    ids = {**run.outcomes(f"[{name}-"), **run.outcomes(f"[{name}]")}
    if not {*ids.values()} - {"SKIPPED"}:
        raise RuntimeError(f"no test judged {name}: {ids}: {run.output[-2000:]}")
    red = [t for t in run.record["tests"] if ids.get(t["id"]) == "FAIL"]
    failed = [[c for c in t["checks"] if c["verdict"] == "FAIL"] for t in red]
    texts = [f"{c['name']}: {c['message']}" for checks in failed for c in checks]
    if not all(failed) or (red and not any(kind.says in text for text in texts)):
        raise RuntimeError(
            f"{name} is red for another reason: expected a check that says {kind.says!r}, got "
            f"{run.reasons(name)}"
        )
    return Judged(*(_functions(ids, verdict) for verdict in ("FAIL", "INCONCLUSIVE")))


def _functions(ids: dict[str, str], verdict: str) -> list[str]:
    found = [test for test, v in ids.items() if v == verdict]
    return sorted({test.partition("::")[2].partition("[")[0] for test in found})


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


def merged(
    known: dict[str, Any], found: dict[Tried, Judged], run: dict[str, Any]
) -> dict[str, Any]:
    """Put what was found into the file's form; kinds that were not measured keep their rows.

    Args:
        known: The content of the file as it was; empty if there was none.
        found: What `measure` gave, of whole ladders.
        run: What `describe_run` gave.
    """
    new = {kind.name: kind for kind, _ in found}
    rows = dict(known.get("kinds", {}))
    for name, kind in new.items():
        red = [found[kind, size].red for size in kind.sizes]
        rows[name] = {
            "unit": kind.unit,
            "sizes": list(kind.sizes),
            "red": red,
            "inconclusive": [found[kind, size].undecided for size in kind.sizes],
            "smallest_caught": smallest_caught(kind, red),
        }
    earlier = [
        {**r, "kinds": [name for name in r["kinds"] if name not in new]}
        for r in known.get("runs", [])
    ]
    in_order = [kind.name for kind in KINDS]
    return {
        "runs": [
            *(r for r in earlier if r["kinds"]),
            {**run, "kinds": [name for name in in_order if name in new]},
        ],
        "kinds": {name: rows[name] for name in in_order if name in rows},
    }


def describe_run(seconds: float) -> dict[str, Any]:
    """Say when and where a run of this command measured, and how long it took."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "seconds": round(seconds),
        "processor": cpu_model(),
        "n_processors": n_usable_cpus(),
        "versions": package_versions(),
    }
