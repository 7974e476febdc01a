"""Make the answer of `retinaface history`, and show it on the terminal."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retinaface.cli.output.terminal import Printer
from retinaface.telling.words import count

if TYPE_CHECKING:
    from retinaface.cli.answers.records import Trends
    from retinaface.history.answer import JudgedRun, LevelChange, Trend
    from retinaface.history.told import Told

# Of a row: what it shows, its newest values, the trend; the state fills the rest of 80 columns.
_LABEL, _NEWEST, _SPARK = 28, 21, 16
_MARK = {True: "▼", False: "▲"}


def history_answer(told: Told, *, csv_file: Path | None, files: Sequence[Path]) -> Trends:
    """Give every figure, every change and what was found about a run.

    Args:
        csv_file: File of all figures, where one was asked for.
        files: Pages that were written.
    """
    from retinaface.cli.answers.records import Trends
    from retinaface.history.answer import judged_run, level_changes, trends
    from retinaface.history.text import headline, runs_text

    found, judgement = told.history, told.judgement
    return Trends(
        folder=found.place,
        index=None if found.index is None else str(found.index),
        period=runs_text(found, told.lines),
        summary=headline(told),
        n_runs=len(found.rows),
        n_unavailable=found.n_unavailable,
        damaged=found.damaged,
        trends=trends(told, spark_width=_SPARK),
        changes=level_changes(told),
        judged=None if judgement is None else judged_run(judgement),
        verdict=None if judgement is None else judgement.verdict,
        csv=None if csv_file is None else str(csv_file),
        files=[str(file) for file in files],
        notes=[found.note] if found.note else [],
    )


def show(answer: Trends, printer: Printer) -> None:
    """Print trends and changes of each engine, then the sentence that sums them up, then a run."""
    printer.notes(answer.notes)
    printer.say(f"{answer.folder}: {answer.period}")
    if not printer.is_quiet:
        printer.say()
        _show_trends(answer, printer)
    printer.say(answer.summary)
    for name, problem in answer.damaged.items():
        printer.say(f"damaged: {name}: {problem}")
    if answer.n_unavailable:
        printer.aside(
            f"rows of a matrix that could not run: {answer.n_unavailable}; "
            "retinaface runs DIR names them"
        )
    if answer.judged is not None:
        printer.say()
        _show_judged(answer.judged, printer)
    for kind, file in [("CSV", answer.csv), *(("written", file) for file in answer.files)]:
        if file is not None:
            printer.aside(f"{kind}: {file}")


def _show_trends(answer: Trends, printer: Printer) -> None:
    for owner, rows in itertools.groupby(answer.trends, key=_owner):
        printer.say(owner, is_bold=True)
        for row in rows:
            _show_row(row, printer)
        for change in answer.changes:
            if _owner(change) == owner:
                mark, day = _MARK[change.is_worse], change.created[:10]
                printer.say(_printable(f"  {mark} {day} {change.after}: {change.text}"))
                printer.say(f"    after {change.before}: {change.what_else}")
        printer.say()


def _owner(one: Trend | LevelChange) -> str:
    return f"{one.engine} on {one.device}"


def _show_row(row: Trend, printer: Printer) -> None:
    """Print a row in columns; a long name gets a line of its own."""
    start, room = f"  {row.label:<{_LABEL}} {row.newest}", 2 + _LABEL + 1 + _NEWEST
    if len(start) > room:
        printer.say(start)
        start = ""
    printer.say(_printable(f"{start:<{room}} {row.spark:<{_SPARK}} {row.state}"))


def _printable(text: str) -> str:
    """Write what the terminal can show; bars become question marks on one without them."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _show_judged(judged: JudgedRun, printer: Printer) -> None:
    """Print what was found about a run, the worst first; what is as before is counted."""
    ended = "" if judged.state == "finished" else f", {judged.state}"
    own = f"its own verdict: {judged.own_verdict or 'not judged'}{ended}"
    printer.say(f"{judged.run} beside the last {judged.n_last} comparable runs ({own})")
    shown = [one for one in judged.figures if one.is_news or printer.is_verbose]
    for one in shown:
        verdict = None if one.verdict is None else str(one.verdict)
        printer.say(f"  {verdict or 'reported'} {one.subject}: {one.text}", verdict=verdict)
    for text in judged.absent:
        printer.say(
            f"  INCONCLUSIVE {text}: not measured, unlike in the runs before",
            verdict="INCONCLUSIVE",
        )
    if n_more := len(judged.figures) - len(shown):
        printer.aside(f"  {count(n_more, 'figure')} as before")
