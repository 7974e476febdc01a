"""The supervisor of `retinaface validate`: a run in a child process that may crash or hang."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from retinaface.cli.options import COLOURS
from retinaface.cli.screen import Screen, open_display
from retinaface.verdicts import Verdict, verdict_line

# How pytest's own exit codes read here: a run that was interrupted, broke inside, or found no test
# is no pass; 4 is bad usage.
_EXIT_CODES = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 10: 10}
# What pytest answers without running a test.
NO_RUN = {"--co", "--collect-only", "--help", "-h", "--version", "-V", "--fixtures", "--markers"}
_POLL_S = 0.2
_GRACE_S = 5.0
# Of what a run without a verdict wrote, the last lines: of a crash its traceback, of a selection
# without a test how many there were.
_TAIL_OF_ERROR = 30
_TAIL = {4: 0, 5: 1}
# As `faulthandler` writes it: all threads, the one that crashed last.
_BEFORE_CRASH = 4
_FATAL, _CURRENT = "Fatal Python error", "Current thread"


@dataclass
class _Watch:
    """Follows a run by its record: which test is running, and since when."""

    folder: Path
    running: str | None = None
    since: float = 0.0
    state: str | None = None

    def look(self) -> None:
        """Read the record; it is replaced whole, so it can be read at any time."""
        try:
            record = json.loads((self.folder / "record.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self.state = record.get("state")
        if record.get("running") != self.running:
            self.running, self.since = record.get("running"), time.monotonic()


def supervise(
    command: list[str], root: Path, folder: Path, timeout: float, *, kept: Path | None
) -> int:
    """Run the child to its end, its crash, or its last second; the terminal is the child's.

    Args:
        command: Of the child.
        root: Where it runs.
        folder: Where it writes its record.
        timeout: Seconds that one test may take.
        kept: The folder, where it stays after the run.

    Returns:
        The exit code of the command.
    """
    child = _Child(command, root, _Watch(folder, since=time.monotonic()))
    return _conclude(child, child.run(timeout), folder, kept)


def supervise_on_screen(
    command: list[str], root: Path, folder: Path, timeout: float, *, kept: Path | None
) -> int:
    """Run the child as `supervise` does, but show how far it is, and at the end its verdict.

    What the child and the tools in it write is kept apart, and shown where there is no verdict.
    """
    with tempfile.TemporaryDirectory(prefix="retinaface-") as temporary:
        events, out, err = (Path(temporary) / name for name in ("events", "out", "err"))
        told = [*command, f"--events={events}"]
        child = _Child(told, root, _Watch(folder, since=time.monotonic()), out, err)
        screen = Screen(events, open_display())
        try:
            problem = child.run(timeout, screen.look)
        finally:
            screen.close()
        if problem is None and screen.closing:
            _show_closing(screen.closing)
        else:
            n_lines = 0 if problem else _TAIL.get(child.code, _TAIL_OF_ERROR)
            for line in _lines(out)[-n_lines:] if n_lines else ():
                click.echo(line)
            for line in telling_lines(_lines(err)):
                click.echo(line, err=True)
    return _conclude(child, problem, folder, kept)


def _conclude(child: _Child, problem: str | None, folder: Path, kept: Path | None) -> int:
    """Report what went wrong with the process; gives the exit code of the command."""
    if problem is None:
        return _EXIT_CODES[child.code]
    _report(problem, child.watch.running, folder, kept)
    return 1


def _show_closing(lines: list[str]) -> None:
    for line in lines[:-1]:
        click.echo(line)
    verdict = lines[-1].split()[1]
    click.secho(lines[-1], fg=COLOURS[verdict], bold=True)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()


def telling_lines(lines: list[str]) -> list[str]:
    """Pick the last lines of a process; of a crash what led to it and the innermost frames."""
    fatal = [i for i, line in enumerate(lines) if line.startswith(_FATAL)]
    if not fatal:
        return lines[-_TAIL_OF_ERROR:]
    start = fatal[-1]
    later = range(start + 1, len(lines))
    current = next((i for i in later if lines[i].startswith(_CURRENT)), start + 1)
    before = lines[max(0, start - _BEFORE_CRASH) : start + 1]  # a C++ exception says its message
    return [*before, *lines[current : current + _TAIL_OF_ERROR - len(before)]]


class _Child:
    """The process of a run."""

    def __init__(
        self,
        command: list[str],
        root: Path,
        watch: _Watch,
        out: Path | None = None,
        err: Path | None = None,
    ) -> None:
        """Nothing is started yet; without files the child writes where this process does."""
        self._command, self._root, self.watch = command, root, watch
        self._out, self._err = out, err
        self.code = 0

    def run(self, timeout: float, look: Callable[[], None] = lambda: None) -> str | None:
        """Run it to its end, its crash, or its last second.

        Returns:
            What went wrong with the process; None where the exit code is pytest's own word.
        """
        with contextlib.ExitStack() as files:
            out, err = (
                None if path is None else files.enter_context(path.open("wb"))
                for path in (self._out, self._err)
            )
            child = subprocess.Popen(  # noqa: S603 - this Python
                self._command,
                cwd=self._root,
                env=_environment(),
                start_new_session=True,
                stdout=out,
                stderr=err,
            )
            try:
                problem = self._wait(child, timeout, look)
            finally:
                _end(child)
        self.watch.look()
        self.code = child.returncode
        return problem or self._problem()

    def _wait(
        self, child: subprocess.Popen[bytes], timeout: float, look: Callable[[], None]
    ) -> str | None:
        while child.poll() is None:
            self.watch.look()
            look()
            if time.monotonic() - self.watch.since > timeout:
                return f"took longer than --timeout {timeout:g} s"
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_S)
        return None

    def _problem(self) -> str | None:
        """Why a process that ended by itself did not end as pytest does."""
        code, watch = self.code, self.watch
        if code < 0:
            return f"the process ended by {_signal_name(-code)}"
        if code not in _EXIT_CODES:
            return f"the process ended itself with exit code {code}"
        if watch.running is not None:
            return f"the process ended with exit code {code} inside a test"
        runs_tests = not NO_RUN.intersection(self._command)
        if code in (0, 10) and runs_tests and watch.state != "finished":
            return f"the process ended with exit code {code} and left no whole record"
        return None


def _environment() -> dict[str, str]:
    """Of the child: its Python must find engines that the caller's finds, and know the terminal."""
    paths = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "COLUMNS": str(shutil.get_terminal_size().columns),
    }


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started: politely, then for good."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # whatever it started and did not end itself
    child.wait()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):  # real-time signals have no name
        return signal.Signals(number).name
    return f"signal {number}"


def _report(problem: str, running: str | None, folder: Path, kept: Path | None) -> None:
    """Say which test was running, and write it into the record."""
    from retinaface.files import new_file

    where = running or "before the first test, or after the last"
    path = folder / "record.json"
    record = None
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(record, dict):
        record |= {"state": "crashed", "running": running, "verdict": "FAIL", "crash": problem}
        for test in record.get("tests", []):
            if test["id"] == running:
                test |= {"verdict": "FAIL", "reason": problem}
        with new_file(path) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    click.echo(f"\nFAIL {where}: {problem}")
    if kept is not None:
        click.echo(f"Record: {kept}")
    click.secho(verdict_line(Verdict.FAIL), fg=COLOURS[Verdict.FAIL], bold=True)
