"""An engine in another Python environment: a worker process there, arrays over pipes.

So two versions of a runtime, which cannot live in one process, are used side by side in one run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import find_engine
from retinaface.engines.opening import EngineSettings, specify
from retinaface.engines.remote.frames import (
    ClosedError,
    FrameError,
    TimedOutError,
    receive,
    send,
    widen,
)
from retinaface.environment import signal_name
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from typing_extensions import Unpack

WORKER = Path(__file__).with_name("worker.py")
# A vendor's compiler takes minutes; one inference of a batch never does.
BUILD_TIMEOUT_S, CALL_TIMEOUT_S = 1800.0, 120.0
_GRACE_S = 5.0
# What the other end may raise by name; all else is a fault of the engine.
_RAISED: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (EngineUnavailable, ValueError, TypeError, NotImplementedError)
}


class RemoteEngine(Engine):
    """Passes everything on to a worker process and waits for its answer.

    Attributes:
        environment: Of the other Python: see `environment.describe_environment`.
        last_infer_s: Seconds of the last `infer` there, pipes excluded.
    """

    def __init__(
        self,
        spec: EngineSpec,
        factory: str,
        python: Path,
        *,
        build_timeout_s: float = BUILD_TIMEOUT_S,
        call_timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """Start the worker and build the engine there.

        Args:
            spec: Of the engine.
            factory: `package.module:name`, imported there.
            python: The other environment, or its interpreter.
            build_timeout_s: Longest that building may take.
            call_timeout_s: Longest that a call may take.

        Raises:
            EngineUnavailable: There is no such Python, its worker ended or kept silent, or it says
                that the engine cannot be built there.
        """
        super().__init__(spec)
        self._python = interpreter(python)
        self._timeout_s = call_timeout_s
        self.last_infer_s = 0.0
        self._start()
        files = {"model": spec.model, "engine_file": spec.engine_file}
        plain = asdict(spec) | {k: path and str(path.resolve()) for k, path in files.items()}
        plain["weights"] = spec.weights and str(spec.weights)
        request = {"kind": "open", "spec": plain, "factory": factory}
        try:
            opened, _ = self._ask(request, timeout_s=build_timeout_s)
        except EngineFault as error:
            self.close()
            raise EngineUnavailable(str(error)) from error
        except BaseException:
            self.close()
            raise
        self.fixed_batch = opened["fixed_batch"]
        self.environment: dict[str, Any] = opened["environment"]

    @property
    def pid(self) -> int:
        """Give the id of the worker process."""
        return self._process.pid

    def _start(self) -> None:
        their_read, self._write_fd = os.pipe()
        self._read_fd, their_write = os.pipe()
        for fd in (self._write_fd, self._read_fd):
            widen(fd)
        os.set_blocking(self._write_fd, False)
        # A file takes whatever a runtime prints; a pipe that nobody reads would block it.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        command = [str(self._python), str(WORKER), str(their_read), str(their_write)]
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
                f"{self.spec.name}: cannot start {self._python}: {error.strerror}; give the "
                "interpreter of an environment"
            ) from error
        finally:
            os.close(their_read)
            os.close(their_write)

    def _ask(
        self, request: dict[str, Any], *arrays: FloatArray, timeout_s: float | None = None
    ) -> tuple[dict[str, Any], list[FloatArray]]:
        """Send a request and wait for the answer; after a broken one the worker is ended."""
        timeout = timeout_s or self._timeout_s
        deadline = time.monotonic() + timeout
        try:
            send(self._write_fd, request, arrays, deadline)
            answer, outputs = receive(self._read_fd, deadline)
        except FrameError as error:
            raise EngineFault(self._describe_loss(request["kind"], error, timeout)) from error
        if answer["kind"] == "error":
            message = str(answer["message"])
            if answer["type"] == EngineFault.__name__:
                raise EngineFault(f"{message} (in {self._python})")
            if (kind := _RAISED.get(answer["type"])) is not None:
                raise kind(f"{message} (in {self._python})")
            raise EngineFault(f"{self.spec.name} in {self._python}: {answer['type']}: {message}")
        return answer, outputs

    def _describe_loss(self, doing: str, error: FrameError, timeout_s: float) -> str:
        """End the worker, and say what became of it."""
        where = f"{self.spec.name} in {self._python}: the worker process"
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

    def _run(self, images: FloatArray) -> RawOutputs:
        answer, outputs = self._ask({"kind": "infer"}, images)
        self.last_infer_s = float(answer["seconds"])
        return RawOutputs(*outputs)

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        answer, arrays = self._ask({"kind": "intermediates", "names": list(names)}, images)
        return dict(zip(answer["names"], arrays, strict=True))

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`; with the version of the other Python."""
        answer, _ = self._ask({"kind": "describe"})
        return {**answer["description"], "python": self.environment["python"]}

    def __enter__(self) -> RemoteEngine:
        """Return the engine itself."""
        return self

    def close(self) -> None:
        """Let the worker close its engine, and end it if it does not."""
        if not self._closed:
            os.close(self._write_fd)  # that is what tells it
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
            self._end()
            os.close(self._read_fd)
            self._stderr.close()
        super().close()

    def _end(self) -> None:
        """End the worker and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def interpreter(python: Path) -> Path:
    """Find the interpreter of an environment, or take the one named; links are not followed.

    A virtual environment's interpreter is a link, and knows its environment by its own place.

    Raises:
        EngineUnavailable: There is none.
    """
    path = python / "bin" / "python" if python.is_dir() else python
    if not path.is_file():
        raise EngineUnavailable(
            f"{python} is neither a Python interpreter nor an environment with bin/python; give "
            "one, such as .venv or .venv/bin/python"
        )
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the link


def open_remote_engine(python: Path, name: str, **settings: Unpack[EngineSettings]) -> RemoteEngine:
    """Build an engine in another Python environment; see `open_engine`.

    Args:
        python: The environment, or its interpreter. It needs NumPy and the engine's runtime.
        name: As for `open_engine`; a third party's entry point must be installed here too.
        **settings: Those of `open_engine`. A file that is made is made here.

    Raises:
        EngineUnavailable: As `open_engine`; or there is no such Python, or its process ended.
    """
    factory = find_engine(name).factory
    interpreter(python)
    return RemoteEngine(specify(name, **settings), factory, python)
