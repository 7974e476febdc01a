"""Read `.mat` files through one child process, which a damaged file may end in our place."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from retinaface.children.start import Child, end
from retinaface.errors import DatasetError
from retinaface.widerface.mats import child
from retinaface.widerface.mats.content import Content, checked

# Names and numbers that a reply may have: far beyond any set of faces, and below 1 GiB.
_MAX_NAMES_BYTES, _MAX_NUMBERS_BYTES = 64 << 20, 256 << 20
# For the start: Python, NumPy and SciPy, 0.35 s from a warm disk.
_START_S = 60
# For the exit code of a child whose output has ended.
_LAST_WORDS_S = 2


class _Ended(Exception):  # noqa: N818 - a state of the child
    """The child did not answer; the text says what happened."""


class MatReader:
    """A child process for any number of files; it ends with this process, or with `close`.

    Not for use by several threads at once; `read_in_child` takes care of that.
    """

    def __init__(self) -> None:
        """Start the child.

        Raises:
            DatasetError: It does not start.
        """
        paths = json.dumps([path for path in sys.path if path])
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each takes addresses
        self._process = Child(
            [sys.executable, "-I", "-S", str(Path(child.__file__).resolve()), paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **one_thread},
        )
        try:
            self._answer(b"", b"", _START_S)
        except _Ended as error:
            raise DatasetError(
                f"cannot start the process that reads .mat files: it {error}; try: {sys.executable}"
                " -c 'import scipy.io'"
            ) from error

    @property
    def pid(self) -> int:
        """Give the number of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the child can take another file."""
        return self._process.poll() is None

    def read(self, path: Path, data: bytes, *, is_split: bool) -> Content:
        """Read one file.

        Args:
            path: Of the file, for the message.
            data: Its bytes.
            is_split: Whether it lists the faces of a split, not boxes.

        Raises:
            DatasetError: It is damaged, is no such ground truth, or ended the child.
        """
        try:
            head = child.REQUEST.pack(is_split, len(data))
            status, *parts = self._answer(head, data, child.WALL_S)
        except _Ended as error:
            raise DatasetError(
                f"cannot read ground truth {path}: the process that read it {error}, so the file "
                "is damaged; fetch it again"
            ) from error
        if status == child.NO_MEMORY:
            self.close()
        return checked(path, status, (parts[0], parts[1], parts[2]), is_split=is_split)

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.communicate()
        end(self._process)

    def _answer(self, head: bytes, data: bytes, limit_s: float) -> tuple[int, bytes, bytes, bytes]:
        """Send a request and read the reply, within a time.

        Raises:
            _Ended: The child died, is late, or replies nonsense; it is ended.
        """
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(limit_s, end)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(head, data)
        except (OSError, EOFError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
            self.close()
            what = f"took more than {limit_s:g} s" if is_late.is_set() else self._end_in_words()
            raise _Ended(what) from error
        finally:
            timer.cancel()

    def _exchange(self, head: bytes, data: bytes) -> tuple[int, bytes, bytes, bytes]:
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            raise EOFError  # never: both are pipes
        sink.write(head)
        sink.write(data)
        sink.flush()
        reply = _exactly(source, child.REPLY.size)
        status, n_names, n_counts, n_values = child.REPLY.unpack(reply)
        if n_names > _MAX_NAMES_BYTES or max(n_counts, n_values) > _MAX_NUMBERS_BYTES:
            self.close()
            raise _Ended("sent no sound reply")
        names, counts, values = (_exactly(source, n) for n in (n_names, n_counts, n_values))
        return status, names, counts, values

    def _end_in_words(self) -> str:
        code = self._process.returncode
        if code == -getattr(signal, "SIGXCPU", 0):
            return f"took more than {child.CPU_S} s of processor time"
        if code < 0:
            return f"ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def _exactly(source: IO[bytes], n_bytes: int) -> bytes:
    data = source.read(n_bytes)
    if len(data) != n_bytes:
        raise EOFError
    return data


_lock = threading.Lock()
# By process: one that was forked needs its own.
_shared: dict[int, MatReader] = {}


def read_in_child(path: Path, data: bytes, *, is_split: bool) -> Content:
    """Read one file through the child of this process, which is started where none is alive.

    Raises:
        DatasetError: As `MatReader.read`.
    """
    with _lock:
        reader = _shared.get(os.getpid())
        if reader is None or not reader.is_alive():
            end_child()
            reader = _shared[os.getpid()] = MatReader()
        return reader.read(path, data, is_split=is_split)


@atexit.register
def end_child() -> None:
    """End the child of this process; the next file starts another."""
    if (reader := _shared.pop(os.getpid(), None)) is not None:
        reader.close()
