"""An engine in another Python environment: a worker process there, arrays over pipes.

So two versions of a runtime, which cannot live in one process, are used side by side in one run.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import find_engine
from retinaface.engines.remote.messages import (
    A,
    Describe,
    Description,
    Failed,
    Infer,
    Intermediates,
    Opened,
    Outputs,
    Request,
    Tensors,
    open_request,
)
from retinaface.engines.remote.process import WorkerProcess
from retinaface.engines.specify import EngineSettings, specify
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from typing_extensions import Unpack

# A vendor's compiler takes minutes; one inference of a batch never does.
BUILD_TIMEOUT_S, CALL_TIMEOUT_S = 1800.0, 120.0
# What the other end may raise by name; all else is a fault of the engine.
_RAISED: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (EngineFault, EngineUnavailable, ValueError, TypeError, NotImplementedError)
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
        super().__init__(replace(spec, scores="probabilities"))  # the worker makes them
        self._python = interpreter(python)
        self._timeout_s = call_timeout_s
        self.last_infer_s = 0.0
        self._worker = WorkerProcess(spec.name, self._python)
        try:
            opened, _ = self._ask(open_request(spec, factory), Opened, timeout_s=build_timeout_s)
        except EngineFault as error:
            self.close()
            raise EngineUnavailable(str(error)) from error
        except BaseException:
            self.close()
            raise
        self.fixed_batch = opened.fixed_batch
        self.environment = opened.environment

    @property
    def pid(self) -> int:
        """Give the id of the worker process."""
        return self._worker.pid

    def _ask(
        self,
        request: Request,
        expected: type[A],
        *arrays: FloatArray,
        timeout_s: float | None = None,
    ) -> tuple[A, list[FloatArray]]:
        """Ask the worker, and raise here what was raised there."""
        answer, found = self._worker.ask(request, expected, arrays, timeout_s or self._timeout_s)
        if not isinstance(answer, Failed):
            return answer, found
        if (kind := _RAISED.get(answer.type)) is not None:
            raise kind(f"{answer.message} (in {self._python})")
        where = f"{self.spec.name} in {self._python}"
        raise EngineFault(f"{where}: {answer.type}: {answer.message}")

    def _run(self, images: FloatArray) -> RawOutputs:
        answer, outputs = self._ask(Infer(), Outputs, images)
        self.last_infer_s = answer.seconds
        return RawOutputs(*outputs)

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        answer, arrays = self._ask(Intermediates(names=list(names)), Tensors, images)
        return dict(zip(answer.names, arrays, strict=True))

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`; with the version of the other Python."""
        answer, _ = self._ask(Describe(), Description)
        return {**answer.description, "python": self.environment["python"]}

    def __enter__(self) -> RemoteEngine:
        """Return the engine itself."""
        return self

    def close(self) -> None:
        """Let the worker close its engine, and end it if it does not."""
        if not self._closed:
            self._worker.close()
        super().close()


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
