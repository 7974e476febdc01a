"""List what only one of two runs has: results, figures of a result, tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retinaface.comparison.pairs import Pair
from retinaface.records.read import Run
from retinaface.records.schema import Result
from retinaface.verdicts import SKIPPED


@dataclass(frozen=True)
class OneSided:
    """Something that only one run has.

    Attributes:
        kind: `result`, `figure` or `test`.
        side: `old` or `new`: the run that has it.
        reason: Why the other run lacks it, as far as its record says.
    """

    kind: str
    id: str
    side: str
    reason: str


def lone_parts(old: Run, new: Run, pairs: Sequence[Pair]) -> list[OneSided]:
    """List what only one run has.

    Args:
        pairs: The results that both runs have.
    """
    return [
        *_lone_results(old, new, pairs),
        *_lone_figures(pairs),
        *_lone_tests(old, new),
    ]


def _lone_results(old: Run, new: Run, pairs: Sequence[Pair]) -> list[OneSided]:
    lone = []
    for i, (run, side) in enumerate(((old, "old"), (new, "new"))):
        matched = {pair.ids[i] for pair in pairs}
        lone += [
            OneSided("result", name, side, "no counterpart")
            for name in run.results
            if name not in matched
        ]
    return lone


def _lone_figures(pairs: Sequence[Pair]) -> Iterator[OneSided]:
    """List figures that only one of two results has."""
    for pair in pairs:
        found = [_figures(result) for result in pair.results]
        for i, side in enumerate(("old", "new")):
            for figure in found[i]:
                if figure not in found[1 - i]:
                    what = f"{figure} of {pair.name}"
                    yield OneSided("figure", what, side, "not measured in the other run")


def _figures(result: Result) -> list[str]:
    """Name what was measured for a result."""
    measured = {"AP": result.ap, "fidelity": result.fidelity, "layers": result.layers}
    found = [name for name, figures in measured.items() if figures]
    return [*found, *(f"time of {timed}" for timed in result.speed)]


def _lone_tests(old: Run, new: Run) -> list[OneSided]:
    """List tests that ran in one run only, and why the other skipped them, where it did."""
    lone = []
    sides = ((old, new, "old"), (new, old, "new"))
    for run, other, side in sides:
        if not run.tests or not other.tests:
            continue
        for name, test in run.tests.items():
            twin = other.tests.get(name)
            if test.verdict == SKIPPED or (twin and twin.verdict != SKIPPED):
                continue
            reason = f"skipped: {twin.reason}" if twin else "not collected"
            lone.append(OneSided("test", name, side, reason))
    return lone
