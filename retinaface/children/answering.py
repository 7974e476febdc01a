"""Ask a child process what a stranger's file may answer with a crash, a hang, or all memory.

The child is a program of its own in Python's isolated mode without `site`; its only argument is
this process's `sys.path` as JSON. It writes one reply when it is ready, and then one for each
request.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from retinaface.children.start import Child, end

# For the start: Python, NumPy, and a library.
_START_S = 60
# For the exit code of a child whose output has ended.
_LAST_WORDS_S = 2
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

Read = Callable[[int], bytes]
Reply = TypeVar("Reply")


class Ended(Exception):  # noqa: N818 - a state of the child
    """The child did not answer, and is gone; the text says what happened."""


class UnsoundReply(ValueError):  # noqa: N818 - what the child sent
    """A reply that no sound child sends."""


class Answering:
    """A child for any number of requests; it ends with this process, or with `close`.

    Not for use by several threads at once; `OnePerProcess` takes care of that.
    """

    def __init__(
        self, program: str, read: Callable[[Read], object], words: Mapping[int, str] | None = None
    ) -> None:
        """Start the child, and wait until it is ready.

        Args:
            program: Path of its program.
            read: Reads a reply; see `exchange`.
            words: What an end by a signal means, by the signal's number.

        Raises:
            Ended: It does not start.
        """
        self._words = words or {}
        paths = json.dumps([*(path for path in sys.path if path), _PACKAGE_ROOT])
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each takes addresses
        self._process = Child(
            [sys.executable, "-I", "-S", str(Path(program).resolve()), paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **one_thread},
        )
        self.exchange((), read, _START_S)

    @property
    def pid(self) -> int:
        """Give the number of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the child can take another request."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the child."""
        end(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # of what it no longer takes
                    stream.close()

    def exchange(
        self, request: Iterable[bytes], read: Callable[[Read], Reply], limit_s: float
    ) -> Reply:
        """Send a request and read the reply, within a time.

        Args:
            read: Takes a function that gives so many bytes; raises `UnsoundReply` for what cannot
                be right.

        Raises:
            Ended: The child died, is late, or replies nonsense; it is ended.
        """
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(limit_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            self._send(request)
            return read(self._receive)
        except UnsoundReply as error:
            self.close()
            raise Ended("sent no sound reply") from error
        except (OSError, EOFError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
            self.close()
            what = f"took more than {limit_s:g} s" if is_late.is_set() else self._end_in_words()
            raise Ended(what) from error
        finally:
            timer.cancel()

    def _send(self, request: Iterable[bytes]) -> None:
        if (sink := self._process.stdin) is not None:  # a pipe
            sink.writelines(request)
            sink.flush()

    def _receive(self, n_bytes: int) -> bytes:
        source = self._process.stdout
        data = source.read(n_bytes) if source is not None else b""
        if len(data) != n_bytes:
            raise EOFError
        return data

    def _end_in_words(self) -> str:
        code = self._process.returncode
        if code >= 0:
            return f"ended with exit code {code}"
        return self._words.get(-code, f"ended by {signal.Signals(-code).name}")


One = TypeVar("One", bound=Answering)


class OnePerProcess(Generic[One]):
    """The child of this process, which is started where none is alive; threads take turns."""

    def __init__(self, start: Callable[[], One]) -> None:
        """Store how it is started."""
        self._start, self._lock = start, threading.Lock()
        # By process: one that was forked needs its own.
        self.by_pid: dict[int, One] = {}
        atexit.register(self.end)

    @contextlib.contextmanager
    def using(self) -> Iterator[One]:
        """Give the child to one thread."""
        with self._lock:
            one = self.by_pid.get(os.getpid())
            if one is None or not one.is_alive():
                self.end()
                one = self.by_pid[os.getpid()] = self._start()
            yield one

    def end(self) -> None:
        """End the child; who asks next gets another."""
        if (one := self.by_pid.pop(os.getpid(), None)) is not None:
            one.close()
