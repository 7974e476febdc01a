"""The command `retinaface report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import LOCATION, PATH, ground_truth_option, sessions_option
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.output.page import check_page, page_files
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.cli.answers.files import Reported
    from retinaface.records.read import Run
    from retinaface.storage.location import Location
    from retinaface.widerface.dataset import WiderFace


def _show(answer: Reported, printer: Printer) -> None:
    printer.notes(answer.notes)
    for line in answer.scorecard:
        printer.say(line)
    for file in answer.files:
        printer.line(f"{file.path}: {file.n_bytes / 2**20:.2f} MiB")


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=LOCATION, metavar="RUN...")
@click.option(
    "--output",
    type=PATH,
    required=True,
    metavar="FILE.html",
    help="Page to write; FILE.md appears beside it.",
)
@click.option(
    "--widerface",
    type=LOCATION,
    metavar="DIR|URL",
    help="Images, to show the ones that changed most.  [default: the set that the runs used, if it "
    "is on this machine]",
)
@ground_truth_option
@click.option(
    "--images",
    type=click.IntRange(0, 100),
    default=6,
    show_default=True,
    metavar="N",
    help="Images to show for each comparison, with another run or with the baseline.",
)
@sessions_option()
@click.option("--title", default="RetinaFace validation", show_default=True, metavar="TEXT")
@answering(_show)
def report(
    folders: tuple[Location, ...],
    output: Path,
    widerface: Location | None,
    ground_truth: Location | None,
    images: int,
    session_paths: tuple[Path, ...],
    title: str,
) -> Reported:
    """Write a report of run records: one HTML page, and Markdown.

    Of one run it prints the scorecard, too.

    \b
    retinaface report RUN --output report.html
    retinaface report RUN-OLD RUN-NEW --output report.html
    retinaface report runs/ --output report.html --widerface DIR

    The HTML file needs no other file. The report compares all other runs with the first one; in a
    folder of runs, that is the first by name. The exit code is 0 once the report is written,
    whatever the verdict; `compare` exits by verdict.
    """
    from retinaface.cli.answers.files import Reported, WrittenFile
    from retinaface.records.ab_session import read_sessions
    from retinaface.records.find import find_runs
    from retinaface.report import scorecard_lines, write_report

    check_page(output)
    runs, unavailable = find_runs(folders)
    if not runs:
        raise click.UsageError(
            "a report needs a run record, but no environment here could run the suite; "
            "list the records with: retinaface runs DIR"
        )
    dataset, notes = _open_pictures(widerface, ground_truth, runs)
    page = write_report(
        runs,
        unavailable,
        output,
        title=title,
        dataset=dataset,
        n_images=images,
        progress=wants_progress(),
        sessions=read_sessions(session_paths),
    )
    files = [
        WrittenFile(path=str(file), n_bytes=file.stat().st_size) for file in page_files(output)
    ]
    return Reported(verdict=page.verdict, files=files, notes=notes, scorecard=scorecard_lines(page))


def _open_pictures(
    widerface: Location | None, ground_truth: Location | None, runs: Sequence[Run]
) -> tuple[WiderFace | None, list[str]]:
    """Open the images that are named, else those found here; where there are none, note why."""
    from retinaface.errors import DatasetError
    from retinaface.suite.sources import choose_data
    from retinaface.widerface.dataset import open_widerface

    try:
        root = choose_data(widerface).root if widerface else _root_of(runs)
        return open_widerface(root, ground_truth), []
    except DatasetError as error:
        if widerface is not None:
            raise
        return None, [f"no pictures: {error}"]


def _root_of(runs: Sequence[Run]) -> Path:
    """Find the pictures of runs, which may be those of the embedded set."""
    from retinaface.embedded import embedded_root
    from retinaface.widerface.dataset import default_root

    return embedded_root() if all(run.is_embedded for run in runs) else default_root()
