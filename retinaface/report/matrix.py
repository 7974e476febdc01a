"""Build the matrix of a report: a row for each metric, a cell for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from retinaface.comparison.compare import RunComparison
from retinaface.comparison.metrics import Metric
from retinaface.comparison.pairs import matched_pairs, old_id
from retinaface.comparison.text import DETECTION_UNITS, interval_text
from retinaface.records.read import Run
from retinaface.records.schema import Result
from retinaface.verdicts import Verdict

# Of the figures on detections the matrix shows one row; all of them stand in the tables below it.
DETECTIONS = "detections"
_DETECTIONS_UNIT = "% without a counterpart"
_RANK = {None: 0, Verdict.PASS: 1, Verdict.INCONCLUSIVE: 2, Verdict.FAIL: 3}


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        text: The value.
        change: From the old run, with its interval; empty for the old run itself.
        verdict: `PASS`, `FAIL`, `INCONCLUSIVE`; empty where nothing was judged or measured.
        note: What was allowed.
    """

    text: str = ""
    change: str = ""
    verdict: str = ""
    note: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A metric over all runs."""

    metric: str
    unit: str
    cells: list[Cell]


@dataclass
class MatrixGroup:
    """The rows of one result.

    Attributes:
        subject: Its id in the old run.
        others: By run, its id there where that differs from `subject`.
    """

    subject: str
    others: dict[str, str] = field(default_factory=dict)
    rows: list[MatrixRow] = field(default_factory=list)


def counterparts(runs: Sequence[Run]) -> dict[str, dict[int, str]]:
    """Find results to show together: by the old run's id, each run's position and own id."""
    found: dict[str, dict[int, str]] = {}
    for position, run in enumerate(runs):
        ours = {pair.ids[1]: pair.ids[0] for pair in matched_pairs(runs[0], run)}
        for result_id in run.results:
            found.setdefault(ours.get(result_id, result_id), {})[position] = result_id
    return found


def build_matrix(runs: Sequence[Run], comparisons: Sequence[RunComparison]) -> list[MatrixGroup]:
    """Build rows by result, a cell for each run; results that were compared share their rows.

    Rows that moved come first, those that are not judged last.
    """
    table: dict[str, dict[tuple[str, str], list[Cell]]] = {}
    groups: dict[str, MatrixGroup] = {}

    def cells(subject: str, key: tuple[str, str]) -> list[Cell]:
        groups.setdefault(subject, MatrixGroup(subject))
        return table.setdefault(subject, {}).setdefault(key, [Cell() for _ in runs])

    for subject, ids in counterparts(runs).items():
        for column, result_id in ids.items():
            for key, text in _values(runs[column].results[result_id]).items():
                cells(subject, key)[column] = Cell(text)
        others = {runs[column].name: name for column, name in ids.items() if name != subject}
        if subject in groups:
            groups[subject].others = others
    for column, comparison in enumerate(comparisons, start=1):
        for metric in _join_detections(comparison.metrics):
            row = cells(old_id(metric.subject), (metric.name, metric.unit))
            row[0] = row[0] if row[0].text else Cell(_number(metric.old))
            row[column] = _cell(metric, row[column])
    for subject, rows in table.items():
        groups[subject].rows = [MatrixRow(name, unit, row) for (name, unit), row in rows.items()]
    for group in groups.values():
        group.rows.sort(key=_rank, reverse=True)
    return sorted(groups.values(), key=lambda group: _rank(group.rows[0]), reverse=True)


def _rank(row: MatrixRow) -> int:
    """Rank a row by its worst verdict; one without a verdict needs the least attention."""
    order = ("", *(str(verdict) for verdict in _RANK if verdict is not None))
    return max(order.index(cell.verdict) for cell in row.cells)


def _values(result: Result) -> dict[tuple[str, str], str]:
    """Collect the figures of a result that need no comparison."""
    values = {
        (f"AP {split}", "points"): f"{100 * value:.2f}"
        for split, value in result.ap.items()
        if math.isfinite(value)
    }
    for timed, speed in result.speed.items():
        if speed.median_s is not None:
            values[f"time of {timed}", "ms"] = f"{1e3 * speed.median_s:.2f}"
    return values


def _join_detections(metrics: Sequence[Metric]) -> list[Metric]:
    """Join the metrics on detections into one row: the share, and the worst verdict of all."""
    shown: list[Metric] = []
    joined: dict[str, list[Metric]] = {}
    for metric in metrics:
        if metric.unit in DETECTION_UNITS:
            joined.setdefault(metric.subject, []).append(metric)
        else:
            shown.append(metric)
    for subject, found in joined.items():
        worst = max(found, key=lambda metric: _RANK[metric.verdict])  # the first of equal ones
        share, note = found[0].new, f"{worst.name}: {worst.note}"
        shown.append(
            Metric(subject, DETECTIONS, _DETECTIONS_UNIT, None, share, None, worst.verdict, note)
        )
    return shown


def _cell(metric: Metric, old: Cell) -> Cell:
    text = old.text or _number(metric.new)
    verdict = "" if metric.verdict is None else str(metric.verdict)
    change = interval_text(metric)
    if metric.name == DETECTIONS and metric.verdict not in (None, Verdict.PASS):
        change = metric.note.partition(":")[0]
    return Cell(text, change, verdict, metric.note)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
