"""Run ONNX Runtime on CUDA, with inputs and outputs that stay on the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from retinaface.engines.base import EngineSpec
from retinaface.engines.devices.failures import device_failure
from retinaface.engines.onnxruntime.cpu import TYPES, OnnxRuntimeEngine, raw_outputs
from retinaface.engines.onnxruntime.device_memory import DeviceIO
from retinaface.engines.onnxruntime.runtime import missing_library, ort
from retinaface.engines.options import is_on
from retinaface.engines.staged import StagedEngine
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray


class OnnxRuntimeDeviceEngine(StagedEngine, OnnxRuntimeEngine):
    """A session on CUDA; its run can be timed without the copies to and from the device."""

    provider = "CUDAExecutionProvider"
    library = "cuda"
    known_options: ClassVar[Mapping[str, str]] = {
        **OnnxRuntimeEngine.known_options,
        "cuda_graphs": "on or off: capture a graph for each input shape and replay it; every node "
        "must run on CUDA (default off)",
    }
    other_options_go_to = "the CUDA provider"

    def __init__(self, spec: EngineSpec) -> None:
        self._uses_graphs = "cuda_graphs" in self.known_options and is_on(
            spec.name, spec.options, "cuda_graphs", default=False
        )
        super().__init__(spec)
        self._device_io: DeviceIO | None = DeviceIO(
            self._session,
            spec.device,
            self._input_type,
            [TYPES[output.type] for output in self._session.get_outputs()],
            use_graphs=self._uses_graphs,
        )

    def _preload(self) -> None:
        if hasattr(ort, "preload_dlls"):  # since 1.21
            ort.preload_dlls()

    def _provider_options(self) -> dict[str, str]:
        options = super()._provider_options()
        version = tuple(int(part) for part in ort.__version__.split(".")[:2])
        if self.spec.precision == "fp32" and version >= (1, 18):
            options.setdefault("use_tf32", "0")  # TF32 keeps 10 bits of 23: not FP32
        if self._uses_graphs:
            options["enable_cuda_graph"] = "1"
        return options

    def _why_unopened(self, error: Exception) -> str:
        if (failure := device_failure(error)) is not None:
            return (
                f"{self.spec.name} needs {self.spec.device}, and onnxruntime {ort.__version__} "
                f"cannot use it: {failure.what}; {failure.next_step}"
            )
        if (missing := missing_library(self.library)) is None:
            return super()._why_unopened(error)
        return (
            f"{self.spec.name} needs {self.spec.device}: onnxruntime {ort.__version__} lists "
            f"{self.provider} but cannot load it ({missing}); {self._how_to_install()}"
        )

    def _why_fallen_back(self) -> str:
        found = missing_library(self.library)
        return found or "its libraries load; check whether a device is there: nvidia-smi"

    def _how_to_install(self) -> str:
        return "docs/gpu.md lists the CUDA and cuDNN versions"

    def _load(self, images: FloatArray) -> None:
        self._io().load(images)

    def _execute(self) -> None:
        self._io().execute()

    def _fetch(self) -> RawOutputs:
        return raw_outputs(self._io().fetch())

    def _io(self) -> DeviceIO:
        if self._device_io is None:
            raise RuntimeError("the session is closed")
        return self._device_io

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return {**super().describe(), "io": self._io().describe() if self._device_io else {}}

    def close(self) -> None:
        """See `Engine.close`."""
        if self._device_io is not None:
            self._device_io.close()
            self._device_io = None
        super().close()
