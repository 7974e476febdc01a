"""Options of every command: `--json`, `-q`, `-v`; a command gives its answer, and this shows it."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from retinaface.cli.output.terminal import Printer, status_line
from retinaface.telling.work import shown_by

if TYPE_CHECKING:
    from retinaface.cli.output.answer import Answer

F = TypeVar("F", bound=Callable[..., Any])
STDOUT = Path("-")
_QUIET = "retinaface.quiet"


def output_options(command: F) -> F:
    """Add `--json`, `--quiet` and `--verbose`."""
    for option in (
        click.option("-v", "--verbose", count=True, help="Print what is summed up otherwise."),
        click.option(
            "-q", "--quiet", is_flag=True, help="Print the answer alone: no notes, no progress."
        ),
        click.option(
            "--json",
            "json_file",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="FILE",
            help="Also write the answer as JSON; '-' prints it in place of the text.",
        ),
    ):
        command = option(command)
    return command


def answering(show: Callable[[Any, Printer], None]) -> Callable[[F], F]:
    """Make a command of a function that returns an answer: shown, written as JSON, exit code.

    Args:
        show: Prints the answer for a person.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def run(*, json_file: Path | None, quiet: bool, verbose: int, **options: Any) -> None:
            start_output(json_file, is_quiet=quiet)
            showing = contextlib.nullcontext if quiet else status_line
            with shown_by(showing):
                answer: Answer = function(**options)
            write_answer(answer, json_file)
            if json_file != STDOUT and not answer.replaces_text:
                printer = Printer(is_quiet=quiet, is_verbose=verbose > 0)
                show(answer, printer)
                if json_file is not None:
                    printer.aside(f"JSON: {json_file}")
                if verdict := getattr(answer, "verdict", None):
                    printer.verdict(verdict)
            click.get_current_context().exit(answer.exit_code)

        return output_options(run)  # type: ignore[return-value] # the same to click

    return decorate


def start_output(json_file: Path | None, *, is_quiet: bool) -> None:
    """Check where JSON goes, and choose colours and progress, before anything runs."""
    from retinaface.files import check_output_file

    context = click.get_current_context()
    if os.environ.get("NO_COLOR"):
        context.color = False
    context.meta[_QUIET] = is_quiet
    if json_file not in (None, STDOUT):
        check_output_file(json_file)


def wants_progress() -> bool:
    """Tell whether the command that runs may show a progress bar."""
    context = click.get_current_context(silent=True)
    return context is None or not context.meta.get(_QUIET, False)


def write_answer(answer: Answer, json_file: Path | None) -> None:
    """Write an answer as JSON: a whole file or none, or on standard output."""
    from retinaface.cli.output.answer import json_text
    from retinaface.files import new_file

    if json_file == STDOUT:
        click.echo(json_text(answer), nl=False)
    elif json_file is not None:
        with new_file(json_file) as file:
            file.write_text(json_text(answer), encoding="utf-8")
