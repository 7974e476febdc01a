"""Lines of comparable figures over time, their changes of level, and what else changed there."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retinaface.checks.intervals import Interval
from retinaface.comparison.environments import compare_environments, short_key
from retinaface.errors import RecordError
from retinaface.history.changes import LEAST_RUNS, find_steps
from retinaface.history.rows import Figure, Kind, RunRow, Subject
from retinaface.records.read import Run, read_run
from retinaface.typing import FloatArray

# A fact beside a change is one of a few, or it says nothing.
_MOST_FACTS = 6
_LONGEST_FACT = 40
_MOST_SIZES = 4


class Point(NamedTuple):
    """A figure of a run."""

    run: RunRow
    figure: Figure


@dataclass(frozen=True)
class Line:
    """Comparable figures in the order of time.

    Attributes:
        points: At least one.
        quiet: Those that say something of the engine: the machine had nothing else to do.
    """

    subject: Subject
    kind: Kind
    metric: str
    unit: str
    basis: str
    points: tuple[Point, ...]

    @functools.cached_property
    def quiet(self) -> list[Point]:
        """Leave out times of runs on a busy machine."""
        return [point for point in self.points if not point.figure.busy]

    @property
    def smallest(self) -> float:
        """Give the smallest change that counts, on the scale of `scaled`."""
        smallest = self.points[-1].figure.smallest
        return float(np.log1p(smallest)) if self.kind == "speed" else smallest

    def scaled(self, points: Iterable[Point]) -> FloatArray:
        """Give values on the scale on which changes add up: logarithms of rates."""
        values = np.array([point.figure.value for point in points], np.float64)
        return np.log(values) if self.kind == "speed" else values

    @functools.cached_property
    def changes(self) -> list[Change] | None:
        """Find changes of level; None for too few runs."""
        if len(self.quiet) < LEAST_RUNS:
            return None
        steps = find_steps(self.scaled(self.quiet), self.smallest)
        return [
            Change(self, self.quiet[s.first - 1], self.quiet[s.first], self.shown(s.change))
            for s in steps
        ]

    def shown(self, change: Interval) -> Interval:
        """Bring a change to the scale that a person reads: percent of a rate, else points."""
        if self.kind != "speed":
            return change
        ends = change.estimate, change.low, change.high
        return Interval(*(100 * float(np.expm1(x)) for x in ends))

    @property
    def change_unit(self) -> str:
        """Name the unit of a change."""
        return "%" if self.kind == "speed" else "points"


@dataclass(frozen=True)
class Change:
    """A change of level.

    Attributes:
        before: The last point of the old level.
        after: The first point of the new one.
        size: In `Line.change_unit`, with its interval.
    """

    line: Line
    before: Point
    after: Point
    size: Interval

    def __str__(self) -> str:
        unit, what = self.line.change_unit, f"{self.line.subject.setting} {self.line.metric}"
        return (
            f"{what.strip()} {self.size.estimate:+.2f} "
            f"[{self.size.low:+.2f}, {self.size.high:+.2f}] {unit}"
        )


@dataclass(frozen=True)
class Break:
    """The changes of an engine on its device between the same two runs, the largest first."""

    owner: str
    before: RunRow
    after: RunRow
    changes: tuple[Change, ...]

    @property
    def sizes(self) -> str:
        """Write the largest changes."""
        more = len(self.changes) - _MOST_SIZES
        shown = "; ".join(map(str, self.changes[:_MOST_SIZES]))
        return shown + (f"; and {more} more" if more > 0 else "")

    @property
    def is_worse(self) -> bool:
        """Tell whether the largest change is a loss: of AP, of images/s, of a margin."""
        return self.changes[0].size.estimate < 0


def lines_of(
    rows: Iterable[RunRow], *, engines: Collection[str] = (), device: str = "", since: float = 0.0
) -> list[Line]:
    """Collect lines, by subject.

    Args:
        rows: In the order of time.
        engines: Only of engines whose names contain one of these; all if empty.
        device: Only of devices whose names contain it, in any case.
        since: Only runs of this moment and later, seconds since 1970.
    """
    found: dict[tuple[Subject, Kind, str, str, str], list[Point]] = {}
    for row in rows:
        if row.created < since:
            continue
        for subject, figures in row.figures:
            if engines and not any(part in subject.engine for part in engines):
                continue
            if device.lower() not in subject.device.lower():
                continue
            for figure in figures:
                key = (subject, figure.kind, figure.metric, figure.unit, figure.basis)
                found.setdefault(key, []).append(Point(row, figure))
    order = {subject: i for i, subject in enumerate(sorted({key[0] for key in found}))}
    keys = sorted(found, key=lambda key: order[key[0]])
    return [Line(*key, tuple(found[key])) for key in keys]


def by_owner(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Group lines by engine and device."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.subject.owner, []).append(line)
    return groups


def breaks_of(lines: Iterable[Line]) -> list[Break]:
    """Join changes of one engine between the same two runs, the newest first."""
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for line in lines:
        for change in line.changes or ():
            names = change.before.run.name, change.after.run.name
            groups.setdefault((line.subject.owner, *names), []).append(change)
    found = []
    for (owner, _, _), changes in groups.items():
        changes.sort(key=_weight, reverse=True)
        found.append(Break(owner, changes[0].before.run, changes[0].after.run, tuple(changes)))
    return sorted(found, key=lambda one: one.after.created, reverse=True)


def _weight(change: Change) -> float:
    """Weigh a change by the smallest one that counts."""
    smallest = change.line.shown(Interval(*3 * (change.line.smallest,))).estimate
    return abs(change.size.estimate) / smallest


class Circumstances:
    """Reads what else changed between two runs from their records, each once."""

    def __init__(self, folder: Path) -> None:
        """Name the folder of the records."""
        self._folder = folder
        self._read = functools.lru_cache(maxsize=64)(self._read_run)

    def between(self, before: RunRow, after: RunRow) -> str:
        """Name the facts that differ: versions, driver, commit, model and so on."""
        try:
            compared = compare_environments(self._read(before.name), self._read(after.name))
        except RecordError as error:
            return f"what else changed is not known: {error}"
        facts = {
            short_key(one.key): f"{short_key(one.key)} {_cut(one.old)} -> {_cut(one.new)}"
            for one in compared.differences
        }
        if not facts:
            return "nothing that the records describe changed"
        more = len(facts) - _MOST_FACTS
        shown = "; ".join([*facts.values()][:_MOST_FACTS])
        return shown + (f"; and {more} more: retinaface compare" if more > 0 else "")

    def _read_run(self, name: str) -> Run:
        return read_run(self._folder / name, name)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}..."


def sparkline(line: Line, width: int) -> str:
    """Draw a line in characters, oldest first.

    A range of less than four times the smallest change that counts looks level.

    Args:
        width: Most characters; of more points each character is a median.
    """
    values = line.scaled(line.quiet or line.points)
    parts = np.array_split(values, min(width, len(values)))
    middles = np.array([np.median(part) for part in parts])
    span = max(float(np.ptp(middles)), 4 * line.smallest)
    low = (middles.max() + middles.min() - span) / 2
    steps = np.clip((middles - low) / span * len(_BARS), 0, len(_BARS) - 1).astype(int)
    return "".join(_BARS[step] for step in steps)


_BARS = "▁▂▃▄▅▆▇█"


def moving(lines: Sequence[Line]) -> Line:
    """Choose the line that changed most; the last one where none did."""
    changed = [line for line in lines if line.changes]
    if not changed:
        return lines[-1]
    return max(changed, key=lambda line: max(_weight(c) for c in line.changes or ()))
