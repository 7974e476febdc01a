"""Start a process that ends with this one, run one to its end, and end one with all it started.

Every process that the package starts goes this way. It leads a session of its own, so Ctrl-C at a
terminal does not reach it: the caller ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_GUARDIAN = Path(__file__).with_name("guardian.py")


class Child(subprocess.Popen[bytes]):
    """A process that ends with this one, and so does its group; the guardian says how."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        patience_s: float = 0.0,
        pass_fds: Sequence[int] = (),
        **options: Any,
    ) -> None:
        """Start it.

        Args:
            command: A program, looked for on PATH, and its arguments.
            patience_s: How long the process may take, when this one is gone, to notice that and
                end by itself before it gets SIGTERM, and 5 s later SIGKILL.
            options: `cwd`, `env`, `stdin`, `stdout`, `stderr`, as those of `Popen`.

        Raises:
            OSError: It cannot be started; `filename` names the program.
        """
        if sys.platform == "win32":  # which has neither groups nor descriptors to inherit
            super().__init__(command, **options)
            return
        lifeline, held = os.pipe()
        failure, failed = os.pipe()
        # Closed when this object goes, when `end` is called, and by the system at the latest.
        self.let_go = weakref.finalize(self, os.close, held)
        try:
            fds = (*pass_fds, lifeline, failed)
            words = ["start", *map(str, (failed, max(*fds, 2) + 1, patience_s, lifeline))]
            guarded = [sys.executable, "-I", "-S", str(_GUARDIAN), *words, *command]
            super().__init__(guarded, pass_fds=fds, start_new_session=True, **options)
            self.args = list(command)  # for messages
        except BaseException:
            self.let_go()
            os.close(failure)
            raise
        finally:
            os.close(lifeline)
            os.close(failed)
        with os.fdopen(failure, "rb") as file:
            number = file.read()  # which ends when the command runs
        if number:
            self._give_up()
            raise OSError(int(number), os.strerror(int(number)), command[0])

    def _give_up(self) -> None:
        end(self)
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()


def end(child: Child, grace_s: float = 0.0) -> None:
    """End a process, and what is left of its group.

    Args:
        grace_s: Seconds from SIGTERM, after which the process may clean up, to SIGKILL; without
            them it gets SIGKILL at once.
    """
    if sys.platform == "win32":
        child.kill()
        child.wait()
        return
    if grace_s and child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # processes that it started and did not end
    child.wait()
    child.let_go()


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output, as `subprocess.run` does.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It was ended.
    """
    pipe = subprocess.PIPE
    with Child(command, cwd=cwd, env=env, stdout=pipe, stderr=pipe) as child:
        try:
            out, err = child.communicate(timeout=timeout_s)
        finally:
            end(child)
    texts = (data.decode(errors="replace") for data in (out, err))
    return subprocess.CompletedProcess(list(command), child.returncode, *texts)


_beside: list[subprocess.Popen[bytes]] = []


def end_with_parent() -> None:
    """Let this process, which `multiprocessing` made, end with the one that made it.

    It becomes the leader of a session of its own, which ends with it too.

    Raises:
        ValueError: `multiprocessing` did not make it.
    """
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None:
        raise ValueError("this process has no parent that multiprocessing knows of")
    if os.getpgrp() != os.getpid():
        os.setsid()
    mine, _ = os.pipe()  # whose other end the system closes when this process ends
    lifelines = (parent.sentinel, mine)
    words = ["beside", str(os.getpid()), *map(str, lifelines)]
    _beside.append(
        subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-I", "-S", str(_GUARDIAN), *words],
            pass_fds=lifelines,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    os.close(mine)
