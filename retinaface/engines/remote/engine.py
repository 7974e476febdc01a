"""An engine in another Python environment, on this machine or another: a worker process there.

So two versions of a runtime, which cannot live in one process, are used side by side in one run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import find_engine
from retinaface.engines.remote.answers import one_line
from retinaface.engines.remote.messages import (
    A,
    Describe,
    Description,
    Failed,
    Infer,
    Intermediates,
    Open,
    Opened,
    Outputs,
    Request,
    Store,
    Stored,
    Tensors,
    whole_paths,
)
from retinaface.engines.remote.pipes import Pipes
from retinaface.engines.remote.process import WorkerProcess
from retinaface.engines.remote.sending import send_files
from retinaface.engines.remote.ssh import SCHEME, Ssh
from retinaface.engines.remote.transport import Transport
from retinaface.engines.specify import EngineSettings, specify
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.config import OUTPUT_WIDTHS
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from typing_extensions import Unpack

# A vendor's compiler takes minutes; one inference of a batch never does. A file of 100 MB goes over
# a link of 10 Mbit/s in a minute and a half.
BUILD_TIMEOUT_S, CALL_TIMEOUT_S, SEND_TIMEOUT_S = 1800.0, 120.0, 300.0
# All layers of a batch of 32 of 320x320 take a third of it.
MAX_TENSORS_BYTES = 2**31
# What the other end may raise by name; all else is a fault of the engine.
_RAISED: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (EngineFault, EngineUnavailable)
}
_RAISED_IN_CALLS: dict[str, type[Exception]] = _RAISED | {
    kind.__name__: kind for kind in (ValueError, TypeError, NotImplementedError)
}


class RemoteEngine(Engine):
    """Passes everything on to a worker process and waits for its answer.

    Attributes:
        environment: Of the other Python: see `environment.describe_environment`.
        last_infer_s: Seconds of the last `infer` there, pipes and network excluded.
    """

    def __init__(
        self,
        spec: EngineSpec,
        factory: str,
        python: Path | str,
        *,
        build_timeout_s: float = BUILD_TIMEOUT_S,
        call_timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """Start the worker and build the engine there.

        Args:
            spec: Of the engine.
            factory: `package.module:name`, imported there.
            python: The other environment, or its interpreter; or `ssh://HOST/PATH`: see `Ssh`.
            build_timeout_s: Longest that building may take.
            call_timeout_s: Longest that a call may take.

        Raises:
            EngineUnavailable: There is no such Python or machine, its worker ended or kept silent,
                or it says that the engine cannot be built there.
        """
        super().__init__(replace(spec, scores="probabilities"))  # the worker makes them
        self._transport = transport_to(python)
        self._timeout_s = call_timeout_s
        self.last_infer_s = 0.0
        self._outputs_bytes = 0
        self._worker = WorkerProcess(spec.name, self._transport)
        try:
            spec = (
                whole_paths(spec) if self._transport.shares_disk else send_files(spec, self._store)
            )
            opened, _ = self._ask(
                Open(spec=spec, factory=factory), Opened, timeout_s=build_timeout_s
            )
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
        """Give the id of the worker process; over SSH, of the client on this machine."""
        return self._worker.pid

    def _ask(
        self,
        request: Request,
        expected: type[A],
        *arrays: FloatArray,
        timeout_s: float | None = None,
    ) -> tuple[A, list[FloatArray]]:
        """Ask the worker, and raise here what was raised there."""
        answer, found = self._worker.ask(
            request, expected, arrays, timeout_s or self._timeout_s, self._most_bytes(request)
        )
        if not isinstance(answer, Failed):
            return answer, found
        words = one_line(answer.message)
        raised = _RAISED_IN_CALLS if isinstance(request, (Infer, Intermediates)) else _RAISED
        if (kind := raised.get(answer.type)) is not None:
            raise kind(f"{words} (in {self._transport.where})")
        where = f"{self.spec.name} in {self._transport.where}"
        raise EngineFault(
            f"{where}: {one_line(answer.type)}: {words}; run the engine by itself in that Python"
        )

    def _most_bytes(self, request: Request) -> int:
        """Say how much an answer may hold: three outputs of this batch, or tensors."""
        if isinstance(request, Intermediates):
            return MAX_TENSORS_BYTES
        return self._outputs_bytes if isinstance(request, Infer) else 0

    def _store(self, name: str, sha256: str, content: FloatArray) -> str:
        answer, _ = self._ask(
            Store(name=name, sha256=sha256), Stored, content, timeout_s=SEND_TIMEOUT_S
        )
        return answer.path

    def _run(self, images: FloatArray) -> RawOutputs:
        n_priors = len(prior_boxes(*images.shape[2:]))
        # In float64, the widest type that an engine gives.
        self._outputs_bytes = len(images) * n_priors * sum(OUTPUT_WIDTHS.values()) * 8
        answer, outputs = self._ask(Infer(), Outputs, images)
        self.last_infer_s = answer.seconds
        return RawOutputs(*outputs)

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        answer, arrays = self._ask(Intermediates(names=list(names)), Tensors, images)
        found = dict(zip(answer.names, arrays, strict=True))
        lacking = [name for name in names if name not in found]
        short = [name for name, array in found.items() if array.shape[:1] != (len(images),)]
        if lacking or short or len(found) < len(arrays):
            raise EngineFault(
                f"{self.spec.name} in {self._transport.where}: expected tensors of "
                f"{len(images)} images, each once; lacking {lacking or 'none'}, of another length "
                f"{short or 'none'}; repair the engine there"
            )
        return found

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


def transport_to(python: Path | str) -> Transport:
    """Choose the way to a Python.

    Raises:
        EngineUnavailable: There is no such Python here, or the address is not right.
    """
    if isinstance(python, str) and python.startswith(SCHEME):
        return Ssh(python)
    return Pipes(Path(python))


def open_remote_engine(
    python: Path | str, name: str, **settings: Unpack[EngineSettings]
) -> RemoteEngine:
    """Build an engine in another Python environment; see `open_engine`.

    Args:
        python: The environment, or its interpreter, or `ssh://HOST/PATH`. It needs NumPy and the
            engine's runtime.
        name: As for `open_engine`; a third party's entry point must be installed here too.
        **settings: Those of `open_engine`. Files are those of this machine; a file that is made is
            made here, and what another machine needs is sent.

    Raises:
        EngineUnavailable: As `open_engine`; or there is no such Python, or its process ended.
    """
    factory = find_engine(name).factory
    transport_to(python)  # before an export takes its time
    return RemoteEngine(specify(name, **settings), factory, python)
