"""Write a history as CSV, with a row for each figure of each run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from retinaface.history.series import Line

CSV_COLUMNS = (
    *("run", "created", "verdict", "engine", "pipeline", "batch", "precision", "device"),
    *("metric", "unit", "basis", "value", "busy", "change"),
)


def csv_text(lines: Iterable[Line]) -> str:
    """Write all lines; a cell is empty where there is nothing."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        subject = line.subject
        what = (
            *(subject.engine, subject.pipeline, subject.batch or None, subject.precision),
            *(subject.device, line.metric, line.unit, line.basis),
        )
        changed = {change.after.run.name for change in line.changes or ()}
        for run, figure in line.points:
            end = (figure.value, figure.busy, "change" if run.name in changed else "")
            writer.writerow((run.name, run.date, run.verdict, *what, *end))
    return sink.getvalue()
