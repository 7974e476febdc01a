"""PyTorch on the CPU: the reference in FP32, and the emulator of true FP16.

FP16 rounds every intermediate here, which ONNX Runtime's CPU provider does not. Batch norms are
folded first: see `fold_batch_norms`.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from retinaface.config import OUTPUT_NAMES
from retinaface.engines.base import Engine, EngineSpec, RawOutputs
from retinaface.errors import EngineUnavailable
from retinaface.typing import FloatArray

try:
    import torch
except ImportError as error:
    raise EngineUnavailable(
        f"torch cannot be imported ({error}); install the extra 'export'"
    ) from error

from retinaface.model import fold_batch_norms
from retinaface.weights import load_model


class TorchEngine(Engine):
    """Eager PyTorch; builds the network from a checkpoint, so it takes no model file."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        if spec.model is not None:
            raise EngineUnavailable(
                f"{spec.name} builds the network itself and cannot run {spec.model}; "
                "leave --model out, or give a checkpoint with --weights"
            )
        if spec.options:
            raise EngineUnavailable(
                f"{spec.name} takes no options, got {', '.join(spec.options)}; leave them out"
            )
        started = time.perf_counter()
        loaded = load_model(spec.weights)
        self._dtype = torch.float16 if spec.precision == "fp16" else torch.float32
        model = fold_batch_norms(loaded.model) if spec.precision == "fp16" else loaded.model
        self._model: Any = model.to(self._dtype)
        self._weights = {"source": loaded.source, "sha256": loaded.sha256}
        self._old_threads = torch.get_num_threads()
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        self._build_s = time.perf_counter() - started

    def _run(self, images: FloatArray) -> RawOutputs:
        with torch.inference_mode():
            outputs = self._model(torch.from_numpy(images).to(self._dtype))
        return RawOutputs(*(output.float().numpy() for output in outputs))

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Outputs of modules, by their names in the network; the three outputs beside them."""
        modules = dict(self._model.named_modules())
        wanted = [name for name in names if name not in OUTPUT_NAMES]
        if unknown := [name for name in wanted if name not in modules]:
            raise ValueError(
                f"{self.spec.name}: {len(unknown)} of {len(names)} names are no modules, first "
                f"{unknown[0]}; they read as in named_modules(), such as body.stage1.0.0"
            )
        found: dict[str, FloatArray] = {}

        def keep(name: str, _module: Any, _inputs: Any, output: Any) -> None:
            found[name] = output.float().numpy()

        hooks = [modules[n].register_forward_hook(functools.partial(keep, n)) for n in wanted]
        try:
            outputs = self._run(images)
        finally:
            for hook in hooks:
                hook.remove()
        return found | dict(zip(OUTPUT_NAMES, outputs, strict=True))

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return {
            "name": self.spec.name,
            "device": self.spec.device,
            "precision": self.spec.precision,
            "runtime": f"torch {torch.__version__}",
            "threads": torch.get_num_threads(),
            "weights": self._weights,
            "build_s": self._build_s,
            "placement": {"provider": "torch cpu", "fallback": []},
        }

    def close(self) -> None:
        """See `Engine.close`. Gives back the process-wide thread setting."""
        if not self._closed and self.spec.threads is not None:
            torch.set_num_threads(self._old_threads)
        self._model = None
        super().close()
