"""The first program of a worker on another machine: unpack the package, start the worker, clean up.

Its text is sent over the connection, for nothing of this package is there: it imports the standard
library alone, and reads and writes the standard streams. What was unpacked goes when the worker
ends, however it ends, and the worker goes when the connection does.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import runpy
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path
from types import FrameType

# The other end has closed, whether or not bytes are left to read; Linux alone tells. What every
# system tells, POLLHUP, is reported unasked.
_GONE = getattr(select, "POLLRDHUP", 0)
_SET_PARENT_DEATH_SIGNAL = 1


def serve(marker: str, n_bytes: int, grace_s: float) -> int:
    """Run a worker from a package that comes over standard input.

    Args:
        marker: Written to standard output before the first message.
        n_bytes: Of the zip file with the package, which is the next to be read.
        grace_s: How long a worker may take to end by itself when the connection is gone.

    Returns:
        The exit code; of a worker that a signal ended, 128 and its number.
    """
    package = sys.stdin.buffer.read(n_bytes)
    if len(package) < n_bytes:
        print("the connection ended before the package was here", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    folder = Path(tempfile.mkdtemp(prefix="retinaface-"))
    try:
        zipfile.ZipFile(io.BytesIO(package)).extractall(folder)
        return _run_beside(folder, marker, grace_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _run_beside(folder: Path, marker: str, grace_s: float) -> int:
    """Run the worker in a process of its own, whose end leaves this one to clean up."""
    lives, held = os.pipe()  # the far end closes when the worker ends
    me = os.getpid()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _end_with(me)
            status = _work(folder, marker)
        except BaseException:  # noqa: BLE001 - a forked process must never return from here
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(held)
    try:
        return _wait(child, lives, grace_s)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what it started, and itself after a signal


def _end_with(parent: int) -> None:
    """End this process when its parent is killed, where the system can (Linux).

    It does so when the thread ends that forked: here the only one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _work(folder: Path, marker: str) -> int:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    read_fd, write_fd = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # a runtime must not read what is for the worker, nor write between messages
    os.dup2(2, 1)
    os.write(write_fd, marker.encode())
    worker = runpy.run_path(str(folder / "retinaface/engines/remote/worker.py"))
    return int(worker["main"](read_fd, write_fd, folder / "files"))


def _wait(child: int, lives: int, grace_s: float) -> int:
    """Wait until the worker has ended; end it a while after the connection is gone."""
    poll = select.poll()
    poll.register(0, _GONE)
    poll.register(lives, 0)
    until = None
    while True:
        found = {fd for fd, _ in poll.poll(1e3)}
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if 0 in found and until is None:
            poll.unregister(0)
            until = time.monotonic() + grace_s
        if until is not None and time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
        if lives in found:  # closed, and not yet ended
            time.sleep(0.01)
