"""Keep one child process that asks onnx about graphs, which a graph may end in our place.

The child starts in 0.45 s, once for each process that asks.
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
from pathlib import Path
from typing import IO, Any

import onnx

from retinaface.children.start import Child, end
from retinaface.errors import ModelError
from retinaface.export.foreign import child
from retinaface.formats.faults import FormatError

# For the start: Python, NumPy and onnx.
_START_S = 60
# For the exit code of a child whose output has ended.
_LAST_WORDS_S = 2
_MAX_ANSWER_BYTES = 2**24


class _Ended(Exception):  # noqa: N818 - a state of the child
    """The child did not answer; the text says what happened."""


class Evaluator:
    """A child process for any number of questions; it ends with this process, or with `close`.

    Not for use by several threads at once; `ask` takes care of that.
    """

    def __init__(self) -> None:
        """Start the child.

        Raises:
            ModelError: It does not start.
        """
        here = str(Path(__file__).resolve().parents[3])
        paths = json.dumps([*(path for path in sys.path if path), here])
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each takes addresses
        self._process = Child(
            [sys.executable, "-I", "-S", str(Path(child.__file__).resolve()), paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **one_thread},
        )
        try:
            self._answer([], _START_S)
        except _Ended as error:
            raise ModelError(
                f"the process that asks onnx about it {error}; try: {sys.executable} "
                "-c 'import onnx.reference'"
            ) from error

    @property
    def pid(self) -> int:
        """Give the number of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the child can take another question."""
        return self._process.poll() is None

    def ask(
        self, question: dict[str, Any], model: bytes, images: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        """Ask one question; see `child.answer`.

        Raises:
            FormatError: What onnx raises for this model, or the limit that it is beyond.
        """
        parts = [json.dumps(question).encode(), model, images]
        n_values = int(question.get("n_values", 0))
        try:
            request = [child.REQUEST.pack(*map(len, parts)), *parts]
            status, head, values = self._answer(request, child.WALL_S)
        except _Ended as error:
            raise FormatError(f"the process that asked onnx about it {error}") from error
        if status == child.NO_MEMORY:
            self.close()
            limit = child.limit_bytes(n_values, len(model)) / 2**20
            raise FormatError(f"onnx needs more than {limit:.0f} MiB for it")
        if status == child.REFUSED:
            raise FormatError(f"{head.get('kind')}: {head.get('text')}")
        return head, values

    def close(self) -> None:
        """End the child."""
        end(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # of what it no longer takes
                    stream.close()

    def _answer(self, request: list[bytes], limit_s: float) -> tuple[int, dict[str, Any], bytes]:
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
            return self._exchange(request)
        except (OSError, EOFError, ValueError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
            self.close()
            what = f"took more than {limit_s:g} s" if is_late.is_set() else self._end_in_words()
            raise _Ended(what) from error
        finally:
            timer.cancel()

    def _exchange(self, request: list[bytes]) -> tuple[int, dict[str, Any], bytes]:
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            raise EOFError  # never: both are pipes
        sink.writelines(request)
        sink.flush()
        status, n_head, n_values = child.REPLY.unpack(_exactly(source, child.REPLY.size))
        if n_head > _MAX_ANSWER_BYTES or n_values > 8 * child.MAX_VALUES:
            raise EOFError
        head, values = _exactly(source, n_head), _exactly(source, n_values)
        found = json.loads(head or b"{}")
        if not isinstance(found, dict):
            raise EOFError
        return status, found, values

    def _end_in_words(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def _exactly(source: IO[bytes], n_bytes: int) -> bytes:
    data = source.read(n_bytes)
    if len(data) != n_bytes:
        raise EOFError
    return data


_lock = threading.Lock()
# By process: one that was forked needs its own.
_shared: dict[int, Evaluator] = {}


def ask(
    question: dict[str, Any], model: onnx.ModelProto, images: bytes = b""
) -> tuple[dict[str, Any], bytes]:
    """Ask through the child of this process, which is started where none is alive.

    Args:
        question: See `child.answer`.
        model: To ask about.
        images: Little-endian float32; empty for zeros.

    Returns:
        The answer, and little-endian float64 values.

    Raises:
        FormatError: What onnx raises for this model, or the limit that it is beyond.
        ModelError: The child does not start.
    """
    with _lock:
        evaluator = _shared.get(os.getpid())
        if evaluator is None or not evaluator.is_alive():
            end_child()
            evaluator = _shared[os.getpid()] = Evaluator()
        return evaluator.ask(question, model.SerializeToString(), images)


@atexit.register
def end_child() -> None:
    """End the child of this process; the next question starts another."""
    if (evaluator := _shared.pop(os.getpid(), None)) is not None:
        evaluator.close()
