"""The process of a worker: started, asked, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from retinaface.engines.remote.frames import (
    ClosedError,
    FrameError,
    TimedOutError,
    receive,
    send,
    widen,
)
from retinaface.engines.remote.messages import (
    A,
    Failed,
    Request,
    decode_answer,
    encode_request,
    kind_of,
)
from retinaface.environment import signal_name
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.typing import FloatArray

WORKER = Path(__file__).with_name("worker.py")
_GRACE_S = 5.0


class WorkerProcess:
    """A worker in another Python, and the two pipes to it.

    Attributes:
        pid: Of the process.
    """

    def __init__(self, name: str, python: Path) -> None:
        """Start it.

        Args:
            name: Of the engine, for messages.
            python: The interpreter.

        Raises:
            EngineUnavailable: It cannot be started.
        """
        self._name, self._python = name, python
        their_read, self._write_fd = os.pipe()
        self._read_fd, their_write = os.pipe()
        for fd in (self._write_fd, self._read_fd):
            widen(fd)
        os.set_blocking(self._write_fd, False)
        # A file takes whatever a runtime prints; a pipe that nobody reads would block it.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        command = [str(python), str(WORKER), str(their_read), str(their_write)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the caller named
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=(their_read, their_write),
                start_new_session=True,
            )
        except OSError as error:
            for fd in (self._write_fd, self._read_fd):
                os.close(fd)
            self._stderr.close()
            raise EngineUnavailable(
                f"{name}: cannot start {python}: {error.strerror}; give the "
                "interpreter of an environment"
            ) from error
        finally:
            os.close(their_read)
            os.close(their_write)
        self.pid = self._process.pid

    def ask(
        self, request: Request, expected: type[A], arrays: Sequence[FloatArray], timeout_s: float
    ) -> tuple[A | Failed, list[FloatArray]]:
        """Send a request and wait for the answer.

        Args:
            expected: The answer where nothing failed.
            arrays: That go with the request.

        Raises:
            EngineFault: There is none, or it is not right; then the process is ended.
        """
        deadline = time.monotonic() + timeout_s
        try:
            send(self._write_fd, encode_request(request), arrays, deadline)
            header, found = receive(self._read_fd, deadline)
            return decode_answer(header, len(found), expected), found
        except FrameError as error:
            raise EngineFault(self._describe_loss(kind_of(request), error, timeout_s)) from error

    def _describe_loss(self, doing: str, error: FrameError, timeout_s: float) -> str:
        """End the process, and say what became of it."""
        where = f"{self._name} in {self._python}: the worker process"
        if isinstance(error, ClosedError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
        code = self._process.poll()
        self._end()
        words = self._last_words()
        if isinstance(error, TimedOutError):
            return f"{where} gave no answer to {doing} within {timeout_s:g} s and was ended{words}"
        if isinstance(error, ClosedError) and code is not None:
            how = f"by {signal_name(-code)}" if code < 0 else f"with exit code {code}"
            return f"{where} ended {how} during {doing}{words}"
        return f"{where} broke the protocol during {doing}: {error}{words}"

    def _last_words(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - 4096))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"; its last line was: {lines[-1].strip()}" if lines else "; it printed nothing"

    def close(self) -> None:
        """Let the worker close its engine, and end it if it does not."""
        os.close(self._write_fd)  # that is what tells it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self._end()
        os.close(self._read_fd)
        self._stderr.close()

    def _end(self) -> None:
        """End the worker and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
