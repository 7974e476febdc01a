"""Run onnx's own evaluator, the ONNX standard in NumPy, which decides when engines disagree.

It shares no code with any runtime. In FP16 it rounds every intermediate, unlike ONNX Runtime's CPU
provider, and takes over a second for an image; FP32 takes a tenth of that.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import check_file, model_of
from retinaface.errors import EngineUnavailable
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

with importing("onnx", "install the extra 'export', or pip install onnx"):
    import onnx
    from onnx.reference import ReferenceEvaluator

# In earlier versions some operators turn FP16 into float32, and the evaluator stops.
OLDEST_FOR_FP16 = (1, 22)


class OnnxReferenceEngine(Engine):
    """The evaluator, with a file."""

    _runtime = f"onnx {onnx.__version__}"

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._model = model_of(spec)
        version = tuple(int(part) for part in onnx.__version__.split(".")[:2])
        if spec.precision == "fp16" and version < OLDEST_FOR_FP16:
            raise EngineUnavailable(
                f"{spec.name} needs onnx 1.22 or later, which evaluates FP16, got "
                f"{onnx.__version__}; pip install 'onnx>=1.22'"
            )
        started = time.perf_counter()
        self.fixed_batch = check_file(spec, self._model)
        loaded = onnx.load(self._model)
        self._type = onnx.helper.tensor_dtype_to_np_dtype(
            loaded.graph.input[0].type.tensor_type.elem_type
        )
        self._evaluator: Any = ReferenceEvaluator(loaded)
        self._marked: dict[tuple[str, ...], Any] = {}
        self._build_s = time.perf_counter() - started
        # Each node is a NumPy function of this process: nothing can fall back.
        self._placement = {"provider": "onnx.reference on the CPU", "fallback": []}

    def _run(self, images: FloatArray) -> RawOutputs:
        found = self._evaluate(self._evaluator, list(OUTPUT_NAMES), images)
        return RawOutputs(*(np.array(array, dtype=np.float32) for array in found))

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Evaluate the file and return tensors by name."""
        if names not in self._marked:
            from retinaface.export.onnx_graph import with_outputs

            try:
                marked = with_outputs(self._model, names)
            except ValueError as error:
                raise ValueError(f"{self.spec.name}: {error}") from error
            self._marked[names] = ReferenceEvaluator(onnx.load_from_string(marked))
        wanted = list(dict.fromkeys([*names, *OUTPUT_NAMES]))
        found = self._evaluate(self._marked[names], wanted, images)
        return dict(zip(wanted, found, strict=True))

    def _evaluate(self, evaluator: Any, names: list[str], images: FloatArray) -> list[Any]:
        with np.errstate(all="ignore"):  # an overflow shows as infinity in the outputs
            return list(evaluator.run(names, {INPUT_NAME: images.astype(self._type, copy=False)}))

    def _facts(self) -> dict[str, Any]:
        return {"model": self._model.name}

    def close(self) -> None:
        """See `Engine.close`."""
        self._evaluator = None
        self._marked = {}
        super().close()
