"""Run OpenCV's DNN module on the CPU, only with its new engine, and prove that images stay apart.

The classic engine, the only one before OpenCV 5, silently merges the batch into the axis of the
priors for some files. It is never used, and an engine that does the same is refused.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.onnx_model import check_file, model_of
from retinaface.errors import EngineUnavailable
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import noise_inputs
from retinaface.typing import FloatArray


class OpenCvEngine(Engine):
    """A network of `cv2.dnn` from an ONNX file.

    OpenCV's number of threads belongs to the whole process. A given number holds during a call,
    which restores the old one. Without a number a call uses the current setting, which `detect`
    makes one thread, because its workers already use every processor.
    """

    _threads_lock = threading.Lock()
    _runtime = f"opencv {cv2.__version__}"

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._model = model_of(spec)
        new_engine = getattr(cv2.dnn, "ENGINE_NEW", None)
        if new_engine is None:
            raise EngineUnavailable(
                f"{spec.name} needs the new engine of cv2.dnn: OpenCV {cv2.__version__} has only "
                "the classic one, which merges the images of a batch; install OpenCV 5 or later"
            )
        started = time.perf_counter()
        self.fixed_batch = check_file(spec, self._model)
        self._net = self._read(new_engine)
        self._prove_batches()
        self._build_s = time.perf_counter() - started
        # The new engine has no backend but the processor, so nothing can fall back.
        self._placement = {"provider": "cv2.dnn, new engine, on the CPU", "fallback": []}

    def _read(self, engine: int) -> Any:
        try:
            with _quiet():
                return cv2.dnn.readNetFromONNX(str(self._model), engine)
        except cv2.error as error:
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {self._model}: {_reason(error)}; check the file, or "
                "export at another opset"
            ) from error

    def _prove_batches(self) -> None:
        """Run two images in both orders: each must give its own outputs in either place.

        Raises:
            EngineUnavailable: The outputs mix the images, or the runtime fails.
        """
        n = self.fixed_batch or 2
        size = (self.spec.height_px or 320, self.spec.width_px or 320)
        order = np.arange(n) % 2
        images = noise_inputs(2, 0, *size)
        try:
            one, other = self._run(images[order]), self._run(images[order - 1])
        except cv2.error as error:
            raise EngineUnavailable(
                f"{self.spec.name} cannot run {self._model}: {_reason(error)}; check the file, or "
                "export at another opset"
            ) from error
        shapes = [array.shape for array in one]
        merged = any(len(shape) != 3 or shape[0] != n for shape in shapes)
        if merged or (n > 1 and not _are_swapped(one.loc, other.loc)):
            what = f"outputs of {', '.join(map(str, shapes))}" if merged else "rows mixed up"
            raise EngineUnavailable(
                f"{self.spec.name}: OpenCV {cv2.__version__} merges the images of a batch: "
                f"expected {n} rows, one for each image, got {what}; use another engine"
            )

    def _run(self, images: FloatArray) -> RawOutputs:
        with self._threads():
            self._net.setInput(images, INPUT_NAME)
            return RawOutputs(*self._net.forward(list(OUTPUT_NAMES)))

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        """Set the given number of threads during one call."""
        if self.spec.threads is None:
            yield
            return
        with self._threads_lock:
            before = cv2.getNumThreads()
            cv2.setNumThreads(self.spec.threads)
            try:
                yield
            finally:
                cv2.setNumThreads(before)

    def _facts(self) -> dict[str, Any]:
        return {"threads": self.spec.threads, "model": self._model.name}

    def close(self) -> None:
        """See `Engine.close`."""
        self._net = None
        super().close()


def _are_swapped(one: FloatArray, other: FloatArray) -> bool:
    """Tell whether the first two rows of one array are the second and first of the other.

    Rows of one image are much nearer to each other than to the other image's: rounding is 10 000
    times smaller.
    """
    between = float(np.abs(one[0] - one[1]).max())
    crossed = float(np.abs(one[:2] - other[1::-1]).max())
    return crossed < between / 1000


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV's log about a file off the terminal; errors are raised."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _reason(error: cv2.error) -> str:
    """Find the line with the reason, the last one; the others name places in OpenCV's sources."""
    return str(error).strip().splitlines()[-1].lstrip("> ")
