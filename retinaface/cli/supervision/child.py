"""The process of a run: started, followed by its record, ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retinaface.environment import signal_name

# How pytest's own exit codes read here: a run that was interrupted or broke inside is no pass; 4 is
# bad usage; one that found no test has decided nothing.
EXIT_CODES = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 10, 10: 10}
# What pytest answers without running a test.
_NO_RUN = {"--co", "--collect-only", "--help", "-h", "--version", "-V", "--fixtures", "--markers"}
_POLL_S = 0.2
_GRACE_S = 5.0


@dataclass
class Watch:
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
        """Start nothing yet; without files the child writes where this process does."""
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
        """Say why a process that ended by itself did not end as pytest does."""
        code, watch = self.code, self.watch
        if code < 0:
            return f"the process ended by {signal_name(-code)}"
        if code not in EXIT_CODES:
            return f"the process ended itself with exit code {code}"
        if watch.running is not None:
            return f"the process ended with exit code {code} inside a test"
        runs_tests = not _NO_RUN.intersection(self._command)
        if code in (0, 10) and runs_tests and watch.state != "finished":
            return f"the process ended with exit code {code} and left no whole record"
        return None


def _environment() -> dict[str, str]:
    """Make the child's environment: its Python must find the caller's engines, and the terminal."""
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
