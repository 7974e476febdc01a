"""Run eager PyTorch: the reference in FP32, and on a CPU the emulator of true FP16.

FP16 here rounds every intermediate, unlike ONNX Runtime's CPU provider. Batch norms are folded
first: see `fold_batch_norms`.
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
    """Eager PyTorch, which builds the network from a checkpoint and takes no model file."""

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
        self._model: Any = self._network  # the module to call
        self._weights: dict[str, Any] = {"source": loaded.source, "sha256": loaded.sha256}
        if loaded.notes:
            self._weights["notes"] = list(loaded.notes)
        self._old_threads = torch.get_num_threads()
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        try:
            self._prepare()
        except BaseException:
            self.close()  # restore the process's number of threads
            raise
        self._build_s = time.perf_counter() - started

    def _check_device(self) -> None:
        """Check that the device is there."""

    def _prepare(self) -> None:
        """Prepare the network for its first call."""

    def _run(self, images: FloatArray) -> RawOutputs:
        with torch.inference_mode():
            outputs = self._model(torch.from_numpy(images).to(self._dtype))
        return RawOutputs(*(output.float().numpy() for output in outputs))

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Run, and return the outputs of modules by name with the three outputs."""
        modules = dict(self._network.named_modules())
        wanted = [name for name in names if name not in OUTPUT_NAMES]
        if unknown := [name for name in wanted if name not in modules]:
            raise ValueError(
                f"{self.spec.name}: {len(unknown)} of {len(names)} names are not modules, first "
                f"{unknown[0]}; use names of named_modules(), such as body.stage1.0.0"
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
        """See `Engine.close`; also restores the process's number of threads."""
        if not self._closed and self.spec.threads is not None:
            torch.set_num_threads(self._old_threads)
        self._network = self._model = None
        super().close()


class TorchDeviceEngine(StagedEngine, TorchEngine):
    """Eager PyTorch on CUDA; its run can be timed without copies. Not yet run on hardware.

    TF32 is off, because it keeps 10 of 23 bits. Its switches belong to the whole process.
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
            torch.cuda.init()  # type: ignore[no-untyped-call]  # its error names what is missing
        except (AssertionError, RuntimeError) as error:  # built without CUDA; no driver or device
            why = first_line(error)
        raise EngineUnavailable(
            f"{self.spec.name} needs cuda: torch {torch.__version__} cannot use it: {why}; install "
            "a build of torch for your driver's CUDA, and check whether a device is there: "
            "nvidia-smi"
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
        """See `Engine.describe`; parameters and outputs give their own device."""
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
