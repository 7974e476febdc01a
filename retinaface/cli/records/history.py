"""The command `retinaface history`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from retinaface.cli.answers.of_history import show
from retinaface.cli.options import LOCATION, PATH
from retinaface.cli.output.csv_file import check_csv, csv_option, write_csv
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.output.page import check_page, page_files
from retinaface.cli.usage.commands import Command
from retinaface.telling.work import working

if TYPE_CHECKING:
    from retinaface.cli.answers.records import Trends
    from retinaface.history.index import History
    from retinaface.history.judged import Judgement
    from retinaface.history.rows import RunRow
    from retinaface.history.series import Line
    from retinaface.storage.location import Location

# The search takes a second for about so many long ones.
_MANY_LINES = 50


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folder", type=LOCATION, metavar="DIR")
@click.option(
    "--run", metavar="RUN", help="Judge this run: a record in DIR, or a folder elsewhere."
)
@click.option(
    "--last",
    "n_last",
    type=click.IntRange(5, 1000),
    metavar="N",
    help="Judge it by the last N comparable runs before it.  [default: 10]",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="TEXT",
    help="Only engines whose name contains this (repeatable).",
)
@click.option("--device", default="", metavar="TEXT", help="Only devices whose name contains this.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    metavar="DATE",
    help="Only runs of this day (UTC) and later.",
)
@click.option(
    "--output", type=PATH, metavar="FILE.html", help="Also write a page; FILE.md appears beside it."
)
@csv_option
@click.option("--title", default="RetinaFace history", show_default=True, metavar="TEXT")
@answering(show)
def history(
    folder: Location,
    run: str | None,
    n_last: int | None,
    engines: tuple[str, ...],
    device: str,
    since: datetime | None,
    output: Path | None,
    csv_file: Path | None,
    title: str,
) -> Trends:
    """Show runs over time, and where they changed.

    \b
    retinaface history runs/
    retinaface history runs/ --engine ort-cpu --since 2026-11-01 --output history.html
    retinaface history runs/ --run RUN --last 20      judge RUN; the exit code is the verdict

    DIR holds the folders that `--record` named. Only comparable runs share a line: the same engine,
    pipeline, batch, device, images and weights. A change is marked with the runs before and after
    it, its size with a 95 % interval, and what else changed there. Runs on a busy machine count for
    AP and not for speed. With --run, -v shows the figures that are as before too.

    Exit codes: 0 done; with --run 0 PASS, 1 FAIL, 10 INCONCLUSIVE; 2 bad input.
    """
    from retinaface.cli.answers.of_history import history_answer
    from retinaface.history.csv_text import history_csv
    from retinaface.history.index import read_history
    from retinaface.history.series import lines_of
    from retinaface.history.told import tell
    from retinaface.storage.reading import local_copy, naming

    _check(output, csv_file, run)
    local = local_copy(folder)
    with naming(folder, local):
        found = read_history(local, progress=wants_progress(), keeps=local is folder)
    found = replace(found, url="" if local is folder else str(folder))
    chosen, rows = _choose(found, run) if run else (None, list(found.rows))
    moment = since.replace(tzinfo=timezone.utc).timestamp() if since else 0.0
    lines = lines_of(rows, engines=engines, device=device, since=moment)
    what = f"searching {len(lines)} series of {len(rows)} runs for changes"
    with working(what) if len(lines) > _MANY_LINES else contextlib.nullcontext():
        told = tell(found, lines, _judge(chosen, rows, lines, n_last))
    files: tuple[Path, ...] = ()
    if output is not None:
        from retinaface.report.history import write_history_page

        write_history_page(told, output, title=title)
        files = page_files(output)
    if csv_file is not None:
        write_csv(csv_file, history_csv(lines))
    return history_answer(told, csv_file=csv_file, files=files)


def _check(output: Path | None, csv_file: Path | None, run: str | None) -> None:
    """Refuse what cannot be written, or says nothing, before any work."""
    if output is not None:
        check_page(output)
    # A variable or a file may set it for the times when a run is named.
    source = click.get_current_context().get_parameter_source("n_last")
    if run is None and source is ParameterSource.COMMANDLINE:
        raise click.UsageError("--last N says with how many runs --run RUN is compared; name it")
    check_csv(csv_file)


def _choose(found: History, run: str) -> tuple[RunRow, list[RunRow]]:
    """Find the run to judge, in the folder or elsewhere; give all rows with it."""
    from retinaface.errors import RecordError
    from retinaface.history.index import by_time
    from retinaface.history.rows import row_of
    from retinaface.records.read import read_run
    from retinaface.storage.location import location
    from retinaface.storage.reading import local_copy

    rows, place = list(found.rows), local_copy(location(run))
    is_inside = len(place.parts) == 1 or place.resolve().parent == found.folder.resolve()
    name, names = place.resolve().name, {row.name for row in rows}
    if is_inside and name in found.damaged:
        raise RecordError(found.damaged[name])
    if is_inside and name in names:
        return next(row for row in rows if row.name == name), rows
    if name in names:  # of another run
        name = f"{place.resolve().parent.name}/{name}"
    elsewhere = row_of(read_run(place, name))
    return elsewhere, by_time([*rows, elsewhere])


def _judge(
    chosen: RunRow | None, rows: Sequence[RunRow], lines: Sequence[Line], n_last: int | None
) -> Judgement | None:
    from retinaface.history.judged import DEFAULT_LAST, judge_run

    if chosen is None:
        return None
    return judge_run(chosen, rows, lines, n_last or DEFAULT_LAST)
