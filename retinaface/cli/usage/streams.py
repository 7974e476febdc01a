"""Tell why standard output no longer takes anything, and end without further noise."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
from typing import TextIO

# As shells report a process that SIGPIPE ended: `retinaface compare A B | head`.
EXIT_PIPE = 141


def broken_stream(error: OSError) -> str | None:
    """Name the standard stream that an error is of; None where it is of something else.

    An error of a stream names no file, and neither does one of an open file. So the streams are
    asked, without writing a character.
    """
    if error.filename is not None:
        return None
    for name, stream in (("standard output", sys.stdout), ("standard error", sys.stderr)):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # no stream of the system
            if _refuses(stream.fileno(), error):
                return name
    return None


def _refuses(descriptor: int, error: OSError) -> bool:
    if error.errno == errno.EPIPE:
        asked = select.poll()
        asked.register(descriptor, select.POLLOUT)
        return any(found & select.POLLERR for _, found in asked.poll(0))
    if error.errno != errno.ENOSPC:
        return False
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fstatvfs(descriptor).f_bavail == 0
    try:
        os.write(descriptor, b"")
    except OSError as again:
        return again.errno == error.errno
    return False


def drop(stream: TextIO) -> None:
    """Lead a stream into nothing, so that the interpreter's last flush finds no error again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
