"""The far end of `remote.RemoteEngine`: one engine in the Python that runs this file.

    PYTHON worker.py READ_FD WRITE_FD

That Python needs NumPy and the engine's runtime, not this package: the modules beside this file are
used, whatever is installed there, so that two environments run the same code. They are those of the
checkout that started it, or were sent: see `boot`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinaface.engines.base import Engine
    from retinaface.typing import FloatArray

    Answer = tuple[dict[str, Any], list[FloatArray]]

OLDEST_PYTHON = (3, 10)


def use_this_package() -> None:
    """Let `import retinaface` find the package of this file, and nothing else beside it.

    A folder on `sys.path` would show this environment's packages, NumPy among them, to the other.
    """
    folder = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "retinaface", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules["retinaface"] = package
    spec.loader.exec_module(package)


class Worker:
    """Answers requests with one engine."""

    def __init__(self, folder: Path | None = None) -> None:
        """Store the folder for files that are sent; None where none may be."""
        self._engine: Engine | None = None
        self._folder = folder
        self.requests: dict[str, Callable[..., Answer]] = {
            "store": self._store,
            "open": self._open,
            "infer": self._infer,
            "intermediates": self._intermediates,
            "describe": self._describe,
        }

    def answer(self, request: Mapping[str, Any], arrays: list[FloatArray]) -> Answer:
        """Do what is asked for; what goes wrong is an answer too."""
        try:
            return self.requests[request["kind"]](request, *arrays)
        except Exception as error:  # noqa: BLE001 - raised again at the other end
            return {"kind": "error", "type": type(error).__name__, "message": str(error)}, []

    def _store(self, request: Mapping[str, Any], content: FloatArray) -> Answer:
        if self._folder is None:
            raise ValueError("this worker reads files where they are, and takes none")
        path = self._folder / request["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.data)
        if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != request["sha256"]:
            raise ValueError(f"{path} has SHA-256 {found}, expected {request['sha256']}")
        return {"kind": "stored", "path": str(path)}, []

    def _open(self, request: Mapping[str, Any]) -> Answer:
        from retinaface.engines.base import EngineSpec
        from retinaface.engines.opening import build_engine
        from retinaface.environment import describe_environment

        fields = dict(request["spec"])
        for name in ("model", "given", "engine_file"):
            fields[name] = Path(fields[name]) if fields[name] else None
        self._engine = build_engine(EngineSpec(**fields), request["factory"])
        facts = {"fixed_batch": self._engine.fixed_batch, "environment": describe_environment()}
        return {"kind": "opened", **facts}, []

    def _infer(self, _request: Mapping[str, Any], images: FloatArray) -> Answer:
        engine = self._require_engine()
        started = time.perf_counter_ns()
        outputs = engine.infer(images)
        seconds = (time.perf_counter_ns() - started) * 1e-9
        return {"kind": "outputs", "seconds": seconds}, list(outputs)

    def _intermediates(self, request: Mapping[str, Any], images: FloatArray) -> Answer:
        found = self._require_engine().infer_intermediates(images, request["names"])
        return {"kind": "tensors", "names": list(found)}, list(found.values())

    def _describe(self, _request: Mapping[str, Any]) -> Answer:
        return {"kind": "description", "description": self._require_engine().describe()}, []

    def _require_engine(self) -> Engine:
        if self._engine is None:
            raise ValueError("no engine is open")
        return self._engine

    def close(self) -> None:
        """Close the engine."""
        if self._engine is not None:
            self._engine.close()


def main(read_fd: int, write_fd: int, folder: Path | None = None) -> int:
    """Answer until the other end closes its pipe.

    Args:
        folder: For files that are sent, where this machine is another one.
    """
    if sys.version_info < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        print(f"Python {sys.version.split()[0]} is too old, {needed} is needed", file=sys.stderr)
        return 1
    if importlib.util.find_spec("numpy") is None:
        print(f"{sys.executable} has no NumPy; install it there", file=sys.stderr)
        return 1
    os.dup2(2, 1)  # what a runtime prints must not be lost in a pipe that nobody reads
    use_this_package()
    from retinaface.engines.remote.frames import ClosedError, receive, send
    from retinaface.version import __version__

    worker = Worker(folder)
    try:
        send(write_fd, {"kind": "ready", "version": __version__})
        while True:
            request, arrays = receive(read_fd)
            turn = request.pop("turn")
            answer, found = worker.answer(request, arrays)
            send(write_fd, {**answer, "turn": turn}, found)
    except ClosedError:
        return 0
    finally:
        worker.close()


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # not the folder of this file
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
