"""Start the process of a run, follow its record, and end it with all its own processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from retinaface.children import start
from retinaface.cli.usage.crashes import EXIT_SOFTWARE
from retinaface.environment import signal_name

# How pytest ends where it, a plugin or this program went wrong.
INTERNAL_ERROR = 3
# Exit codes of the command by pytest's own: a run that was interrupted does not pass; an internal
# error is no verdict; 4 is bad usage; a run that found no test decides nothing.
EXIT_CODES = {0: 0, 1: 1, 2: 1, INTERNAL_ERROR: EXIT_SOFTWARE, 4: 2, 5: 10, 10: 10}
# Options that pytest answers without running a test.
_NO_RUN = {"--co", "--collect-only", "--help", "-h", "--version", "-V", "--fixtures", "--markers"}
# Columns of an output that is no terminal: its lines stay whole.
WHOLE_LINES = 400
_POLL_S = 0.2
_GRACE_S = 5.0
RECORD_FILE = "record.json"  # of `records.write`, which imports NumPy
# Start-up imports and collects, which takes seconds, and far more on a machine that is busy: no
# test is at fault for that, however short `--timeout` is.
_STARTS_S = 120.0


@dataclass
class Watch:
    """Follows a run through its record: which test is running, and since when."""

    folder: Path
    running: str | None = None
    since: float = 0.0
    state: str | None = None
    has_begun: bool = False  # some test was running
    earlier: int = field(init=False)  # when a record was written that lay there before

    def __post_init__(self) -> None:
        """Note the record of a run that was cut off, which is no news."""
        self.earlier = self._written()

    def look(self) -> None:
        """Read the record, which can be read at any time because it is always replaced whole."""
        if self._written() == self.earlier:
            return
        try:
            record = json.loads((self.folder / RECORD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self.state = record.get("state")
        if record.get("running") != self.running:
            self.running, self.since = record.get("running"), time.monotonic()
        self.has_begun = self.has_begun or self.running is not None

    def _written(self) -> int:
        with contextlib.suppress(OSError):
            return (self.folder / RECORD_FILE).stat().st_mtime_ns
        return 0


class Child:
    """The process of a run."""

    def __init__(
        self,
        command: list[str],
        root: Path,
        watch: Watch,
        out: Path | None = None,
        err: Path | None = None,
    ) -> None:
        """Store the arguments; without files the child shares this process's output."""
        self.command, self._root, self.watch = command, root, watch
        self._out, self._err = out, err
        self.code = 0

    def run(self, timeout: float, look: Callable[[], None] = lambda: None) -> str | None:
        """Run the process until it ends, crashes, or times out.

        Returns:
            The process's problem; None where pytest ended it by itself.
        """
        with contextlib.ExitStack() as files:
            out, err = (
                None if path is None else files.enter_context(path.open("wb"))
                for path in (self._out, self._err)
            )
            child = start.Child(
                self.command,
                cwd=self._root,
                env=_environment(keeps_lines=self._out is not None),
                stdout=out,
                stderr=err,
            )
            try:
                problem = self._wait(child, timeout, look)
            finally:
                start.end(child, _GRACE_S)
        self.watch.look()
        self.code = child.returncode
        return problem or self._problem()

    def _wait(self, child: start.Child, timeout: float, look: Callable[[], None]) -> str | None:
        while child.poll() is None:
            self.watch.look()
            look()
            limit = timeout if self.watch.has_begun else max(timeout, _STARTS_S)
            if time.monotonic() - self.watch.since > limit:
                if self.watch.has_begun:
                    return f"took longer than --timeout {limit:g} s"
                return f"began no test within {limit:g} s"
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_S)
        return None

    def _problem(self) -> str | None:
        """Find out whether a process that ended did not end as pytest does, and why."""
        code, watch = self.code, self.watch
        if code < 0:
            return f"the process ended by {signal_name(-code)}"
        if code not in EXIT_CODES:
            return f"the process ended itself with exit code {code}"
        if watch.running is not None:
            return f"the process ended with exit code {code} inside a test"
        runs_tests = not _NO_RUN.intersection(self.command)
        if code in (0, 10) and runs_tests and watch.state != "finished":
            return f"the process ended with exit code {code} and left an incomplete record"
        return None


def _environment(*, keeps_lines: bool) -> dict[str, str]:
    """Make the child's environment, in which its Python finds the caller's engines.

    Args:
        keeps_lines: Whether lines stay whole where standard output is no terminal; pytest's own
            output has rules as long as a line.
    """
    fallback = WHOLE_LINES if keeps_lines else 80
    paths = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "COLUMNS": str(shutil.get_terminal_size((fallback, 24)).columns),
    }
