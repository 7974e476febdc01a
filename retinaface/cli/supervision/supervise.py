"""Supervise the run of `retinaface validate` in a child process, which may crash or hang."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from retinaface.cli.output.terminal import COLOURS
from retinaface.cli.supervision.child import EXIT_CODES, INTERNAL_ERROR, Child, Watch
from retinaface.cli.supervision.screen import Display, Screen, open_display
from retinaface.cli.usage.crashes import unforeseen
from retinaface.storage.location import Location
from retinaface.telling.visible import one_line, told
from retinaface.temporaries import scratch_dir
from retinaface.verdicts import Verdict, verdict_line

# Number of last lines to show of a run without a verdict: the traceback of a crash, the number of
# tests where none was selected.
_TAIL_OF_ERROR = 30
_TAIL = {4: 0, 5: 1}
# How pytest ends, and how a line begins, where it refuses an option.
_USAGE, _REFUSED = 4, "ERROR: "
_INTERNAL = "INTERNALERROR>"  # before each line of a traceback
# `faulthandler` writes all threads; the one that crashed comes last.
_BEFORE_CRASH = 4
_NOWHERE = "before the first test or after the last one"
_FATAL, _CURRENT = "Fatal Python error", "Current thread"


@dataclass
class Ended:
    """A run that ended.

    Attributes:
        code: Exit code of the command.
        problem: Why the process did not end as it should; empty where it did.
        closing: The last block of lines; empty where there was none.
    """

    code: int
    problem: str = ""
    closing: list[str] = field(default_factory=list)


def supervise(
    command: list[str], root: Path, folder: Path, timeout: float, *, kept: Location | None
) -> Ended:
    """Run the child until it ends, crashes, or times out; it writes to the terminal itself.

    Args:
        folder: Takes the child's record.
        timeout: Seconds that one test may take.
        kept: The folder, if it stays after the run; else None.
    """
    child = Child(command, root, Watch(folder, since=time.monotonic()))
    return _conclude(child, child.run(timeout), folder, kept)


def supervise_on_screen(
    command: list[str],
    root: Path,
    folder: Path,
    timeout: float,
    *,
    kept: Location | None,
    display: Display | None = None,
    is_silent: bool = False,
) -> Ended:
    """Run the child as `supervise` does, but show its progress, and at the end its verdict.

    The output of the child and of the tools in it appears only if there is no verdict.

    Args:
        display: Of header and progress; None for what suits standard output.
        is_silent: Leave standard output alone: the caller says how the run ended.
    """
    with scratch_dir() as temporary:
        events, out, err = (temporary / name for name in ("events", "out", "err"))
        with_events = [*command, f"--events={events}"]
        child = Child(with_events, root, Watch(folder, since=time.monotonic()), out, err)
        screen = Screen(events, display or open_display())
        try:
            problem = child.run(timeout, screen.look)
        finally:
            screen.close()
        if problem is None and child.code == INTERNAL_ERROR:
            return _mistake(command, _lines(out))
        if problem is None and screen.closing:
            if not is_silent:
                _show_closing(screen.closing)
        else:
            n_lines = 0 if problem else _TAIL.get(child.code, _TAIL_OF_ERROR)
            for line in _lines(out)[-n_lines:] if n_lines else ():
                click.echo(told(line), err=is_silent)
            for line in relevant_lines(_lines(err)):
                shown = _as_ours(line) if child.code == _USAGE else line
                click.echo(told(shown), err=True)
    ended = _conclude(child, problem, folder, kept, is_silent=is_silent)
    ended.closing = screen.closing
    return ended


def _conclude(
    child: Child,
    problem: str | None,
    folder: Path,
    kept: Location | None,
    *,
    is_silent: bool = False,
) -> Ended:
    """Report a problem of the process, and give the exit code of the command."""
    if problem is None and child.code == INTERNAL_ERROR:
        return _mistake(child.command, [])
    if problem is None:
        return Ended(EXIT_CODES[child.code])
    from retinaface.records.write import write_crash

    where = child.watch.running or _NOWHERE
    write_crash(folder, problem, child.watch.running)
    if not is_silent:
        click.echo(f"\n{told(one_line(f'FAIL {where}: {problem}'))}")
        if kept is not None:
            click.echo(told(f"Record: {kept}"))
        click.secho(verdict_line(Verdict.FAIL), fg=COLOURS[Verdict.FAIL], bold=True)
    return Ended(1, f"{where}: {problem}")


def _mistake(command: Sequence[str], lines: Sequence[str]) -> Ended:
    """Say that the run ended by a mistake of its own, which is no verdict on an engine.

    Args:
        command: Of the child.
        lines: Of its output; none where it wrote to the terminal itself.
    """
    said = [line[len(_INTERNAL) :].strip() for line in lines if line.startswith(_INTERNAL)]
    what = f"internal error of pytest: {said[-1] if said else 'see above'}"
    line = unforeseen(what, "".join(f"{one}\n" for one in lines), command)
    click.echo(told(f"retinaface: error: {one_line(line)}"), err=True)
    return Ended(EXIT_CODES[INTERNAL_ERROR], what)


def _as_ours(line: str) -> str:
    """Write pytest's refusal of an option as every command writes its own."""
    return f"retinaface: error: {line[len(_REFUSED) :]}" if line.startswith(_REFUSED) else line


def _show_closing(lines: list[str]) -> None:
    for line in lines[:-1]:
        click.echo(told(line))
    verdict = lines[-1].split()[1]
    click.secho(lines[-1], fg=COLOURS[verdict], bold=True)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()


def relevant_lines(lines: list[str]) -> list[str]:
    """Pick the last lines of a process; after a crash, its cause and the innermost frames."""
    fatal = [i for i, line in enumerate(lines) if line.startswith(_FATAL)]
    if not fatal:
        return lines[-_TAIL_OF_ERROR:]
    start = fatal[-1]
    later = range(start + 1, len(lines))
    current = next((i for i in later if lines[i].startswith(_CURRENT)), start + 1)
    before = lines[
        max(0, start - _BEFORE_CRASH) : start + 1
    ]  # a C++ exception prints its message there
    return [*before, *lines[current : current + _TAIL_OF_ERROR - len(before)]]
