"""An engine as an outside package would add it: it knows the contract and its own runtime alone.

retinaface validate --engine tests.support.given.outside_engine:acme_cpu_fp32
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import onnxruntime

from retinaface.engines.base import Engine, EngineSpec
from retinaface.errors import EngineUnavailable
from retinaface.network.outputs import RawOutputs

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class AcmeEngine(Engine):
    """A vendor's runtime that loads ONNX files."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        if spec.model is None:
            raise EngineUnavailable(f"{spec.name} needs an ONNX file; give --model FILE.onnx")
        started = time.perf_counter()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec.threads or 0
        self._session = onnxruntime.InferenceSession(
            str(spec.model), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0]
        sizes = zip(self._input.shape[2:], (spec.height_px, spec.width_px), strict=True)
        if any(isinstance(got, int) and got != want for got, want in sizes):
            raise EngineUnavailable(f"{spec.name}: {spec.model} takes {self._input.shape} inputs")
        self._build_s = time.perf_counter() - started

    def _run(self, images: np.ndarray) -> RawOutputs:
        feed = {self._input.name: images.astype(_TYPES[self._input.type], copy=False)}
        return RawOutputs(*self._session.run(None, feed))

    def describe(self) -> dict[str, Any]:
        return super().describe() | {
            "runtime": f"acme 1.0 (onnxruntime {onnxruntime.__version__})",
            "build_s": self._build_s,
            "placement": {"provider": self._session.get_providers()[0], "fallback": []},
        }


acme_cpu_fp32 = acme_cpu_fp16 = AcmeEngine
