"""PyTorch: the reference in FP32, and on a CPU the emulator of true FP16.

FP16 rounds every intermediate here, which ONNX Runtime's CPU provider does not. Batch norms are
folded first: see `fold_batch_norms`.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.staged import StagedEngine
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

with importing("torch", "install the extra 'export'"):
    import torch

from retinaface.network.checkpoint import load_model
from retinaface.network.model import fold_batch_norms

__all__ = ["TorchDeviceEngine", "TorchEngine", "torch"]


class TorchEngine(Engine):
    """Eager PyTorch; builds the network from a checkpoint, so it takes no model file."""

    _runtime = f"torch {torch.__version__}"

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        if spec.model is not None:
            raise EngineUnavailable(
                f"{spec.name} builds the network itself and cannot run {spec.model}; "
                "leave --model out, or give a checkpoint with --weights"
            )
        self._check_device()
        self._placement = {"provider": f"torch {spec.device}", "fallback": []}
        started = time.perf_counter()
        loaded = load_model(spec.weights)
        self._dtype = torch.float16 if spec.precision == "fp16" else torch.float32
        model = fold_batch_norms(loaded.model) if spec.precision == "fp16" else loaded.model
        self._network: Any = model.to(spec.device, self._dtype)
        self._model: Any = self._network  # what is called
        self._weights = {"source": loaded.source, "sha256": loaded.sha256}
        self._old_threads = torch.get_num_threads()
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        try:
            self._prepare()
        except BaseException:
            self.close()  # the threads of the process are given back
            raise
        self._build_s = time.perf_counter() - started

    def _check_device(self) -> None:
        """See that the device is there."""

    def _prepare(self) -> None:
        """Prepare the network for its first call."""

    def _run(self, images: FloatArray) -> RawOutputs:
        with torch.inference_mode():
            outputs = self._model(torch.from_numpy(images).to(self._dtype))
        return RawOutputs(*(output.float().numpy() for output in outputs))

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Run, and keep the outputs of modules by name beside the three outputs."""
        modules = dict(self._network.named_modules())
        wanted = [name for name in names if name not in OUTPUT_NAMES]
        if unknown := [name for name in wanted if name not in modules]:
            raise ValueError(
                f"{self.spec.name}: {len(unknown)} of {len(names)} names are no modules, first "
                f"{unknown[0]}; they read as in named_modules(), such as body.stage1.0.0"
            )
        found: dict[str, FloatArray] = {}

        def keep(name: str, _module: Any, _inputs: Any, output: Any) -> None:
            found[name] = output.float().cpu().numpy()

        hooks = [modules[n].register_forward_hook(functools.partial(keep, n)) for n in wanted]
        try:
            outputs = self._run(images)
        finally:
            for hook in hooks:
                hook.remove()
        return found | dict(zip(OUTPUT_NAMES, outputs, strict=True))

    def _facts(self) -> dict[str, Any]:
        return {
            "threads": torch.get_num_threads(),
            "options": dict(self.spec.options),
            "weights": self._weights,
        }

    def close(self) -> None:
        """See `Engine.close`. Gives back the process-wide thread setting."""
        if not self._closed and self.spec.threads is not None:
            torch.set_num_threads(self._old_threads)
        self._network = self._model = None
        super().close()


class TorchDeviceEngine(StagedEngine, TorchEngine):
    """Eager PyTorch on CUDA, whose run is timed apart from its copies. Not yet run on hardware.

    TF32 is off: it keeps 10 bits of 23. The switches are the process's, as those of threads are.
    """

    _input: Any = None
    _outputs: Any = None

    def _check_device(self) -> None:
        if torch.cuda.is_available():
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
            return
        why: object = "torch sees no device"
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]  # says what is missing
        except (AssertionError, RuntimeError) as error:  # built without CUDA; no driver, no device
            why = first_line(error)
        raise EngineUnavailable(
            f"{self.spec.name} needs cuda: torch {torch.__version__} cannot use it: {why}; install "
            "a build of torch for your driver's CUDA, and see whether a device is there: nvidia-smi"
        )

    def _load(self, images: FloatArray) -> None:
        host = torch.from_numpy(images).to(self._dtype)
        self._input = host.to(self.spec.device)
        self._wait()

    def _execute(self) -> None:
        with torch.inference_mode():
            self._outputs = self._model(self._input)
        self._wait()

    def _fetch(self) -> RawOutputs:
        return RawOutputs(*(output.float().cpu().numpy() for output in self._outputs))

    def _wait(self) -> None:
        torch.cuda.synchronize()

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`. Where parameters and outputs lie is read from them."""
        elsewhere = [
            f"{name} on {parameter.device}"
            for name, parameter in (self._network.named_parameters() if self._network else ())
            if parameter.device.type != self.spec.device
        ]
        return super().describe() | {
            "device_name": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "placement": {"provider": f"torch {self.spec.device}", "fallback": elsewhere},
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._input = self._outputs = None
        super().close()
