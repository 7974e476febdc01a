"""The command `retinaface history`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import COLOURS, PATH

if TYPE_CHECKING:
    from retinaface.history.index import History
    from retinaface.history.judged import Judgement
    from retinaface.history.rows import RunRow
    from retinaface.history.series import Line
    from retinaface.history.told import Told

# As in the other commands: standard output in place of a file.
_STDOUT = Path("-")


@click.command(no_args_is_help=True)
@click.argument("folder", type=PATH, metavar="DIR")
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
@click.option("--engine", default="", metavar="TEXT", help="Only engines whose name contains this.")
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
@click.option("--json", "json_file", type=PATH, metavar="FILE|-", help="Also write JSON.")
@click.option("--csv", "csv_file", type=PATH, metavar="FILE|-", help="Also write all figures.")
@click.option("--title", default="RetinaFace history", show_default=True, metavar="TEXT")
def history(
    folder: Path,
    run: str | None,
    n_last: int | None,
    engine: str,
    device: str,
    since: datetime | None,
    output: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
    title: str,
) -> None:
    """Show runs over time, where they changed, and one run beside the last N.

    \b
    retinaface history runs/
    retinaface history runs/ --engine ort-cpu --since 2026-11-01 --output history.html
    retinaface history runs/ --run RUN --last 20      judge RUN; the exit code is the verdict

    DIR holds the folders that `--record` named. Only comparable runs share a line: the same engine,
    pipeline, batch, device, images and weights. A change is marked with the runs before and after
    it, its size with a 95 % interval, and what else changed there. Runs on a busy machine count for
    AP and not for speed.

    Exit codes: 0 done; with --run 0 PASS, 1 FAIL, 10 INCONCLUSIVE; 2 bad input.
    """
    from retinaface.history.index import read_history
    from retinaface.history.series import lines_of
    from retinaface.history.told import tell

    _check(output, json_file, csv_file, run, n_last)
    found = read_history(folder, progress=True)
    if found.note:
        click.echo(f"note: {found.note}", err=True)
    chosen, rows = _choose(found, run) if run else (None, list(found.rows))
    moment = since.replace(tzinfo=timezone.utc).timestamp() if since else 0.0
    lines = lines_of(rows, engine=engine, device=device, since=moment)
    judgement = _judge(chosen, rows, lines, n_last)
    told = tell(found, lines, judgement)
    if _STDOUT not in (json_file, csv_file):
        _print(told)
    _write(told, output, json_file, csv_file, title)
    if judgement is not None:
        verdict = judgement.verdict
        is_quiet = _STDOUT in (json_file, csv_file)
        click.secho(f"VERDICT: {verdict}", fg=COLOURS[str(verdict)], bold=True, err=is_quiet)
        click.get_current_context().exit(verdict.exit_code)


def _check(
    output: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
    run: str | None,
    n_last: int | None,
) -> None:
    """Refuse what cannot be written, or says nothing, before any work."""
    from retinaface.files import check_output_file

    if output is not None and output.suffix != ".html":
        raise click.UsageError(f"--output {output}: expected a name that ends in .html")
    if json_file == csv_file == _STDOUT:
        raise click.UsageError("--json - and --csv -: expected one of them on standard output")
    if n_last is not None and run is None:
        raise click.UsageError("--last N says with how many runs --run RUN is compared; name it")
    for path in (output, json_file, csv_file):
        if path not in (None, _STDOUT):
            check_output_file(path)


def _choose(found: History, run: str) -> tuple[RunRow, list[RunRow]]:
    """Find the run to judge, in the folder or elsewhere; give all rows with it."""
    from retinaface.errors import RecordError
    from retinaface.history.index import by_time
    from retinaface.history.rows import row_of
    from retinaface.records.read import read_run

    rows, place = list(found.rows), Path(run)
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


def _print(told: Told) -> None:
    from retinaface.history.text import (
        count,
        damaged_lines,
        headline_lines,
        judgement_lines,
        runs_text,
        table_lines,
    )

    found = told.history
    _echo(f"{found.folder}: {runs_text(found, told.lines)}\n")
    for line in table_lines(told):
        _echo(line)
    for line in (*headline_lines(told), *damaged_lines(found)):
        _echo(line)
    if found.n_unavailable:
        _echo(f"{count(found.n_unavailable, 'row')} of a matrix could not run: retinaface runs DIR")
    if told.judgement is not None:
        _echo("\n" + "\n".join(judgement_lines(told.judgement)))


def _echo(text: str) -> None:
    """Print what the terminal can show; bars become question marks on one without them."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))


def _write(
    told: Told, output: Path | None, json_file: Path | None, csv_file: Path | None, title: str
) -> None:
    """Write the files that were asked for."""
    from retinaface.history.exported import as_csv, as_json

    texts = {}
    if json_file is not None:
        texts[json_file] = json.dumps(as_json(told), indent=2) + "\n"
    if csv_file is not None:
        texts[csv_file] = as_csv(told.lines)
    is_quiet = _STDOUT in texts
    for path, text in texts.items():
        if path == _STDOUT:
            click.echo(text, nl=False)
        else:
            _write_text(path, text)
            click.echo(f"written: {path}", err=is_quiet)
    if output is not None:
        from retinaface.report.history import write_history_page

        write_history_page(told, output, title=title)
        for path in (output, output.with_suffix(".md")):
            click.echo(f"written: {path}", err=is_quiet)


def _write_text(path: Path, text: str) -> None:
    from retinaface.files import new_file

    with new_file(path) as file:
        file.write_text(text, encoding="utf-8")
