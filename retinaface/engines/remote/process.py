"""The process of a worker: started, asked, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence

from retinaface.children.start import end
from retinaface.engines.remote.answers import check_ready, decode_answer, one_line
from retinaface.engines.remote.frames import (
    ClosedError,
    FrameError,
    GarbageError,
    TimedOutError,
    has_more,
    receive,
    send,
)
from retinaface.engines.remote.messages import (
    A,
    Failed,
    Request,
    encode_request,
    kind_of,
)
from retinaface.engines.remote.transport import GRACE_S, START_TIMEOUT_S, Transport
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.typing import FloatArray
from retinaface.version import __version__


class WorkerProcess:
    """A worker at the far end of a transport.

    Attributes:
        pid: Of the process on this machine: the worker, or the client that reaches it.
    """

    def __init__(self, name: str, transport: Transport) -> None:
        """Start it.

        Args:
            name: Of the engine, for messages.
            transport: The way to the other Python.

        Raises:
            EngineUnavailable: It cannot be started.
        """
        self._name, self._transport = name, transport
        channel = transport.start(name)
        self._process, self._stderr = channel.process, channel.stderr
        self._read_fd, self._write_fd = channel.read_fd, channel.write_fd
        self.pid = self._process.pid
        self._turn = 0
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            transport.prepare(channel, deadline)
            check_ready(receive(self._read_fd, deadline, most_bytes=0)[0], __version__)
        except FrameError as error:
            words = self._describe_loss("the start", error, START_TIMEOUT_S)
            self.close()
            raise EngineUnavailable(words) from error
        except BaseException:
            self.close()
            raise

    def ask(
        self,
        request: Request,
        expected: type[A],
        arrays: Sequence[FloatArray],
        timeout_s: float,
        most_bytes: int = 0,
    ) -> tuple[A | Failed, list[FloatArray]]:
        """Send a request and wait for the answer.

        Args:
            expected: The answer where nothing failed.
            arrays: That go with the request.
            most_bytes: Of the arrays of the answer.

        Raises:
            EngineFault: There is none, or it is not right; then the process is ended.
        """
        started = time.monotonic()
        deadline = started + timeout_s
        self._turn += 1
        try:
            if has_more(self._read_fd):
                raise GarbageError("it sent something that nobody had asked for")
            send(self._write_fd, {**encode_request(request), "turn": self._turn}, arrays, deadline)
            header, found = receive(self._read_fd, deadline, most_bytes)
            if (turn := header.pop("turn", None)) != self._turn:
                raise GarbageError(f"it answered request {turn!r:.80}, expected {self._turn}")
            within_s = time.monotonic() - started
            return decode_answer(header, len(found), expected, within_s), found
        except FrameError as error:
            raise EngineFault(self._describe_loss(kind_of(request), error, timeout_s)) from error

    def _describe_loss(self, doing: str, error: FrameError, timeout_s: float) -> str:
        """End the process, and say what became of it."""
        where = f"{self._name} in {self._transport.where}:"
        if isinstance(error, ClosedError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        code = self._process.poll()
        end(self._process)
        words = self._last_words()
        if isinstance(error, TimedOutError):
            return (
                f"{where} the worker process gave no answer to {doing} within {timeout_s:g} s and "
                f"was ended{words}; see what holds that machine or its device up, then run again"
            )
        if isinstance(error, ClosedError) and code is not None:
            return f"{where} {self._transport.describe_end(code, doing, words)}"
        return (
            f"{where} the worker process broke the protocol during {doing}: {error}{words}; check "
            "what that Python runs at its start and what the engine writes, then run again"
        )

    def _last_words(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - 4096))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"; its last line was: {one_line(lines[-1])}" if lines else "; it printed nothing"

    def close(self) -> None:
        """Let the worker close its engine, and end it if it does not."""
        os.close(self._write_fd)  # that is what tells it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        end(self._process)
        os.close(self._read_fd)
        self._stderr.close()
