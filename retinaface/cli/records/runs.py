"""The command `retinaface runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import LOCATION
from retinaface.cli.output.csv_file import check_csv, csv_option, write_csv
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.records.compare import show_unavailable
from retinaface.cli.usage.commands import Command
from retinaface.verdicts import SKIPPED

if TYPE_CHECKING:
    from retinaface.cli.answers.records import RunList, RunRow
    from retinaface.records.read import Run
    from retinaface.storage.location import Location


def _show(answer: RunList, printer: Printer) -> None:
    columns = ("run", "created", "verdict", "runtime", "device", "AP (%)", "tests")
    printer.table(columns, [_cells(row, is_whole=printer.is_verbose) for row in answer.runs])
    for row in answer.runs:
        printer.warnings(f"{row.name}: {text}" for text in row.warnings)
    show_unavailable(answer.unavailable, printer)
    if answer.csv is not None:
        printer.aside(f"CSV: {answer.csv}")


def _cells(row: RunRow, *, is_whole: bool) -> list[str]:
    verdict = (row.verdict or "not judged") + ("" if row.state == "finished" else f" ({row.state})")
    runtimes, devices = ", ".join(row.runtimes) or "-", ", ".join(row.devices)
    tests = "-" if row.n_run is None else f"{row.n_run} run, {row.n_skipped} skipped"
    return [row.name, row.created, verdict, runtimes, devices, _ap(row, is_whole=is_whole), tests]


def _ap(row: RunRow, *, is_whole: bool) -> str:
    """Write AP of the first result, or of all."""
    texts = []
    for result, ap in row.ap.items():
        values = " / ".join(f"{100 * value:.2f}" for value in ap.values())
        which = f"{', '.join(ap)}: " if len(ap) == 1 else ""
        texts.append(f"{which}{values} ({result})")
    if is_whole or len(texts) < 2:
        return "; ".join(texts) or "-"
    return f"{texts[0].removesuffix(')')}, {len(texts) - 1} more)"


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=LOCATION, metavar="DIR...")
@csv_option
@answering(_show)
def runs(folders: tuple[Location, ...], csv_file: Path | None) -> RunList:
    """List run records.

    \b
    retinaface runs runs/
    retinaface runs runs/ --csv figures.csv

    Each line has the date, the verdict, runtime and device, AP of the first result, and the number
    of tests; -v and JSON have AP of all results.
    """
    from retinaface.cli.answers.records import RunList
    from retinaface.records.figures import figures_csv
    from retinaface.records.find import find_runs

    check_csv(csv_file)
    found, unavailable = find_runs(folders)
    found = sorted(found, key=lambda run: run.record.created)
    if csv_file is not None:
        write_csv(csv_file, figures_csv(found))
    return RunList(
        runs=[_row(run) for run in found],
        unavailable=unavailable,
        csv=None if csv_file is None else str(csv_file),
    )


def _row(run: Run) -> RunRow:
    from retinaface.cli.answers.records import RunRow

    engines = [result.engine for result in run.results.values()]
    devices = [engine.get("device_name") for engine in engines]
    devices += [str(a.get("name")) for a in run.environment.get("accelerators") or []]
    named = [str(device) for device in dict.fromkeys(devices) if device]
    outcomes: list[str | None] = [test.verdict for test in run.tests.values()]
    skipped = outcomes.count(SKIPPED)
    return RunRow(
        name=run.name,
        path=run.place,
        created=run.record.created,
        verdict=None if run.verdict is None else str(run.verdict),
        state=run.record.state,
        runtimes=list(dict.fromkeys(str(e["runtime"]) for e in engines if e.get("runtime"))),
        devices=named or [str(run.environment["cpu"])],
        ap={result.id: result.ap for result in run.results.values() if result.ap},
        n_run=len(outcomes) - skipped if outcomes else None,
        n_skipped=skipped if outcomes else None,
        warnings=list(run.warnings),
    )
