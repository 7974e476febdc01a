"""What a way to a worker has to offer: a started process, its two ends, and words for its end."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from retinaface.children.start import Child
from retinaface.engines.remote.frames import widen
from retinaface.environment import signal_name

# How long starting a worker may take, the package's way to another machine included.
START_TIMEOUT_S = 60.0
# How long a worker may take to end by itself when it is told to, or when the connection is gone.
GRACE_S = 5.0


@dataclass(frozen=True)
class Channel:
    """A started process and the two ends for messages.

    Attributes:
        process: Leads a session of its own, so that it can be ended with all that it started.
        read_fd: Gives what the worker writes.
        write_fd: Goes to the worker; does not block.
        stderr: A file with what the process and its runtime printed.
    """

    process: Child
    read_fd: int
    write_fd: int
    stderr: IO[bytes]


class Transport(Protocol):
    """A way to start a worker and to talk with it."""

    @property
    def where(self) -> str:
        """Say in which Python the worker runs, for messages."""

    @property
    def shares_disk(self) -> bool:
        """Tell whether files of this machine can be opened there."""

    def start(self, name: str) -> Channel:
        """Start the process.

        Args:
            name: Of the engine, for messages.

        Raises:
            EngineUnavailable: It cannot be started.
        """

    def prepare(self, channel: Channel, deadline: float) -> None:
        """Do what comes before the first message.

        Args:
            deadline: By `time.monotonic`.

        Raises:
            FrameError: The other end is gone, silent, or something else.
        """

    def describe_end(self, code: int, doing: str, last_words: str) -> str:
        """Say why the process ended, and the next step where there is one.

        Args:
            code: Of `Popen.returncode`.
            doing: During what.
            last_words: What it printed last, from `; ` on.
        """


def ending(code: int) -> str:
    """Put an exit code into words; that of a signal is negative."""
    return f"ended by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"


@contextlib.contextmanager
def _closed_after_an_error(fds: tuple[int, ...], stderr: IO[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for fd in fds:
            os.close(fd)
        stderr.close()
        raise


def open_channel(start: Callable[[int, int, IO[bytes]], Child]) -> Channel:
    """Make two pipes and a file for what is printed, and start a process with their far ends.

    Args:
        start: Takes the end to read, the end to write, and the file.
    """
    their_read, write_fd = os.pipe()
    read_fd, their_write = os.pipe()
    for fd in (write_fd, read_fd):
        widen(fd)
    os.set_blocking(write_fd, False)
    # A file takes whatever a runtime prints; a pipe that nobody reads would block it.
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
    with _closed_after_an_error((read_fd, write_fd), stderr):
        try:
            process = start(their_read, their_write, stderr)
        finally:
            os.close(their_read)
            os.close(their_write)
    return Channel(process, read_fd, write_fd, stderr)
