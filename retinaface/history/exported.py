"""Write a history for programs: JSON, and CSV with a row for each figure of each run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from retinaface.history.judged import Judgement
from retinaface.history.series import Break, Line
from retinaface.history.text import state
from retinaface.history.told import Told

HISTORY_VERSION = 1
CSV_COLUMNS = (
    *("run", "created", "verdict", "engine", "pipeline", "batch", "precision", "device"),
    *("metric", "unit", "basis", "value", "busy", "change"),
)


def as_json(told: Told) -> dict[str, Any]:
    """Give everything in JSON types."""
    history, judgement = told.history, told.judgement
    return {
        "history_version": HISTORY_VERSION,
        "folder": str(history.folder),
        "index": str(history.index) if history.index else None,
        "n_runs": len(history.rows),
        "n_unavailable": history.n_unavailable,
        "damaged": history.damaged,
        "series": [_series(line) for line in told.lines],
        "changes": [_change(one, facts) for one, facts in told.breaks],
        "judgement": None if judgement is None else _judgement(judgement),
        "verdict": None if judgement is None else str(judgement.verdict),
    }


def _subject(line: Line) -> dict[str, Any]:
    subject = line.subject
    names = ("engine", "pipeline", "batch", "precision", "device")
    return {name: getattr(subject, name) for name in names}


def _series(line: Line) -> dict[str, Any]:
    return {
        **_subject(line),
        "metric": line.metric,
        "unit": line.unit,
        "basis": line.basis,
        "state": state([line]),
        "points": [
            {
                "run": point.run.name,
                "created": point.run.date,
                "value": point.figure.value,
                "busy": point.figure.busy,
                "note": point.figure.note,
            }
            for point in line.points
        ],
    }


def _change(one: Break, facts: str) -> dict[str, Any]:
    return {
        **_subject(one.changes[0].line),
        "before": one.before.name,
        "after": one.after.name,
        "changed": [
            {"metric": c.line.metric, "unit": c.line.change_unit, **asdict(c.size)}
            for c in one.changes
        ],
        "what_else": facts,
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "run": judgement.run.name,
        "n_last": judgement.n_last,
        "absent": judgement.absent,
        "figures": [
            {
                **_subject(one.line),
                "metric": one.line.metric,
                "unit": one.line.unit,
                "value": one.point.figure.value,
                "level": one.level,
                "change": asdict(one.change) if one.change else None,
                "change_unit": one.line.change_unit,
                "earlier": [point.run.name for point in one.earlier],
                "verdict": str(one.verdict) if one.verdict else None,
                "text": one.text,
            }
            for one in judgement.judged
        ],
    }


def as_csv(lines: Iterable[Line]) -> str:
    """Write a row for each figure of each run."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        changed = {change.after.run.name for change in line.changes or ()}
        for point in line.points:
            run, figure = point
            what = (*_subject(line).values(), line.metric, line.unit, line.basis)
            end = (figure.value, figure.busy, "change" if run.name in changed else "")
            writer.writerow((run.name, run.date, run.verdict, *what, *end))
    return sink.getvalue()
