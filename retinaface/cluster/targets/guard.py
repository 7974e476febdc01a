"""Run a command that never outlives its caller: `python -m retinaface.cluster.targets.guard`.

The guard ends the command, and all processes that it started, at its time limit and when the
guard's standard input closes: a worker that is killed closes it too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retinaface.children.start import Child, end

if TYPE_CHECKING:
    import psutil


OUTPUT_FILE, ENDED_FILE, _JOB_FILE = "output.txt", "ended.json", "job.json"
_POLL_S = 0.1
# `validate` ends its own child in 5 s after SIGTERM, and then itself.
_GRACE_S = 10.0
# Longer than a guard takes to end all when its caller is gone.
_ENDS_ALL_S = _GRACE_S + 5
# Of Linux: processes whose parent ended become children of the guard.
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code, negative for a signal; None where it did not start or was ended.
        problem: Why it did not end by itself; empty where it did.
    """

    code: int | None
    problem: str = ""


@dataclass(frozen=True)
class Job:
    """A command and its limits.

    Attributes:
        env: All variables of its process.
    """

    command: list[str]
    env: dict[str, str]
    limit_s: float


def start_guard(job: Job, folder: Path) -> Child:
    """Start a guard with a pipe as standard input; it leaves its two files in the folder."""
    (folder / _JOB_FILE).write_text(json.dumps(asdict(job)), encoding="utf-8")
    return Child(
        [sys.executable, "-m", __name__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        patience_s=_ENDS_ALL_S,
    )


def read_ended(folder: Path) -> Ended:
    """Read how a command ended; a guard that left nothing was killed itself."""
    try:
        return Ended(**json.loads((folder / ENDED_FILE).read_text(encoding="utf-8")))
    except OSError:
        return Ended(None, "was killed with the process that guards it")


def run_guarded(job: Job, folder: Path, stdin: int) -> Ended | None:
    """Run a command, its output in a file; end it at its limit and when `stdin` closes.

    Returns:
        None where `stdin` closed: nobody waits for an answer.
    """
    with (folder / OUTPUT_FILE).open("wb") as output:
        try:
            child = Child(
                job.command,
                env=job.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            return Ended(None, f"could not start {job.command[0]}: {error.strerror}")
    try:
        is_wanted, problem = _wait(child, job.limit_s, stdin)
        code = child.returncode
    finally:
        _end_all(child)
    return Ended(code, problem) if is_wanted else None


def _wait(child: Child, limit_s: float, stdin: int) -> tuple[bool, str]:
    """Wait for a child; tell whether somebody still waits for it, and its problem."""
    end = time.monotonic() + limit_s
    while child.poll() is None:
        ready, _, _ = select.select([stdin], [], [], _POLL_S)
        if ready and not os.read(stdin, 1):
            return False, ""
        if time.monotonic() > end:
            return True, f"gave no answer within {limit_s:g} s"
    return True, ""


def _end_all(child: Child) -> None:
    """End the child with SIGTERM, so that it cleans up, then what is left with SIGKILL."""
    import psutil

    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    while left := _alive(psutil.Process().children(recursive=True)):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=_POLL_S)
    end(child)


def _alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Leave out those that ended and wait only to be counted."""
    import psutil

    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _adopt_orphans() -> None:
    """See processes too whose parent ended, where the system can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(folder: Path) -> None:
    """Run the job in a folder."""
    _adopt_orphans()
    job = Job(**json.loads((folder / _JOB_FILE).read_text(encoding="utf-8")))
    ended = run_guarded(job, folder, sys.stdin.fileno())
    if ended is None:  # the caller, which removes the folder, may be gone
        shutil.rmtree(folder, ignore_errors=True)
    else:
        (folder / ENDED_FILE).write_text(json.dumps(asdict(ended)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
