"""Run the child of `retinaface validate`, and give its end as text, as JSON, or both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.output.options import STDOUT, wants_progress, write_answer
from retinaface.cli.supervision import supervise as supervisor
from retinaface.cli.supervision.screen import Display, NoDisplay, open_display
from retinaface.cli.supervision.selection import wants_own_output
from retinaface.cli.usage.crashes import EXIT_SOFTWARE
from retinaface.storage.writing import check_new, new_folder
from retinaface.telling.visible import told
from retinaface.temporaries import scratch_dir

if TYPE_CHECKING:
    from retinaface.cli.answers.records import Validated
    from retinaface.storage.location import Location

EXIT_USAGE = 2


def run_and_answer(
    command: list[str],
    words: Sequence[str],
    root: Path,
    folder: Path,
    timeout: float,
    *,
    kept: Location | None,
    json_file: Path | None,
) -> int:
    """Run the suites, show how they end, and write JSON if it is asked for.

    Args:
        words: Arguments for pytest, which may ask for its own output.
        kept: The folder, if it stays after the run; else None.

    Returns:
        The exit code of the command.
    """
    is_silent = json_file == STDOUT
    if wants_own_output(words) and not is_silent:
        ended = supervisor.supervise(command, root, folder, timeout, kept=kept)
    else:
        display: Display = open_display(is_on_stderr=is_silent) if wants_progress() else NoDisplay()
        ended = supervisor.supervise_on_screen(
            command, root, folder, timeout, kept=kept, display=display, is_silent=is_silent
        )
    if json_file is not None and ended.code not in (EXIT_USAGE, EXIT_SOFTWARE):
        write_answer(_answer(ended, folder, kept), json_file)
    return ended.code


def check_record(record: Location | None, *, resumes: bool) -> None:
    """Look at the place of a record before any work starts, and say what will be done there.

    Args:
        resumes: Whether a run that was cut off there is to go on.
    """
    from retinaface.suite.run.folder import check_record_dir

    if resumes and not isinstance(record, Path):
        raise click.UsageError(
            "--resume goes on with a run in a folder of this machine: name it with --record DIR"
        )
    if isinstance(record, Path):
        if note := check_record_dir(record, resumes=resumes):
            click.echo(told(f"retinaface: {note}"), err=True)
    elif record is not None:
        check_new(record)


@contextlib.contextmanager
def folder_of(record: Location | None) -> Iterator[Path]:
    """Give the folder that the child fills; a URL is written when the run has ended.

    Without a record there is one too: the supervisor learns from it which test was running.
    """
    if isinstance(record, Path):
        yield record.resolve()
    elif record is not None:
        with new_folder(record) as folder:
            yield folder
    else:
        with scratch_dir() as temporary:
            yield temporary / "run"


def _answer(ended: supervisor.Ended, folder: Path, kept: Location | None) -> Validated:
    from retinaface.cli.answers.records import Validated
    from retinaface.errors import RecordError
    from retinaface.records.read import read_run
    from retinaface.verdicts import Verdict

    run, problem = None, ended.problem
    try:
        run = read_run(folder, folder.name).record
    except RecordError as error:
        problem = problem or str(error)
    codes = {verdict.exit_code: verdict for verdict in Verdict}
    return Validated(
        verdict=codes.get(ended.code, Verdict.FAIL),
        record=None if kept is None else str(kept),
        problem=problem,
        summary=ended.closing,
        run=run,
        warnings=run.warnings if run else [],
    )
