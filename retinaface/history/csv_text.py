"""Write a history as CSV, with a row for each figure of each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retinaface.history.series import Line
from retinaface.telling.tables import csv_text

CSV_COLUMNS = (
    *("run", "created", "verdict", "engine", "pipeline", "batch", "precision", "device"),
    *("metric", "unit", "basis", "value", "busy", "change"),
)


def history_csv(lines: Iterable[Line]) -> str:
    """Write all lines."""
    return csv_text(CSV_COLUMNS, _rows(lines))


def _rows(lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        subject = line.subject
        what = (
            *(subject.engine, subject.pipeline, subject.batch or None, subject.precision),
            *(subject.device, line.metric, line.unit, line.basis),
        )
        changed = {change.after.run.name for change in line.changes or ()}
        for run, figure in line.points:
            end = (figure.value, figure.busy, "change" if run.name in changed else "")
            yield run.name, run.date, run.verdict, *what, *end
