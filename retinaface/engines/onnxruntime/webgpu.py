"""Run ONNX Runtime on WebGPU (Dawn, over Vulkan), with outputs that stay on the device.

Its Python interface is not that of CUDA. Memory of the device cannot be made by the caller
(`OrtValue.ortvalue_from_*` and `update_inplace` raise), so binding copies an input, and each run
writes outputs that the session allocates. `OrtValue.device_name` calls them `cuda`; the session
names their memory rightly. `synchronize_outputs` does not wait: in 1.27 it returns at once, and
what the device still computes would be counted as a copy. Reading an output waits, so that ends a
run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.onnxruntime.cpu import OnnxRuntimeEngine, raw_outputs
from retinaface.engines.onnxruntime.runtime import ort
from retinaface.engines.staged import StagedEngine, mean_seconds
from retinaface.errors import EngineUnavailable
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

# What Dawn says where no driver that it accepts is found.
_NO_ADAPTER = "Failed to get a WebGPU adapter"
# Where outputs are to stay; the session's own name of that memory.
_DEVICE, _MEMORY = "webgpu", "WebGPU_Buf"
# The smallest output, of two values for each prior: to read it is the cheapest way to wait.
_SMALLEST = OUTPUT_NAMES.index("conf")


class OnnxRuntimeWebGpuEngine(StagedEngine, OnnxRuntimeEngine):
    """A session on WebGPU; its run can be timed without the copies of images and most outputs."""

    _runtime = f"onnxruntime-webgpu {ort.__version__}"
    provider = "WebGpuExecutionProvider"
    package = "onnxruntime-webgpu"
    install = (
        "install the extra 'webgpu' in an environment without 'cpu' and 'gpu', whose files it "
        "overwrites"
    )
    known_options: ClassVar[Mapping[str, str]] = OnnxRuntimeEngine.known_options
    other_options_go_to = "the WebGPU provider, as dawnBackendType"
    memory = _MEMORY

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._check_memory()
        self._binding: Any = None

    def _why_unopened(self, error: Exception) -> str:
        if _NO_ADAPTER not in str(error):
            return super()._why_unopened(error)
        return (
            f"{self.spec.name} needs a WebGPU adapter, and Dawn accepts no Vulkan driver here; "
            "install a GPU's driver, or Mesa 25 or later for one in software: apt install "
            "libvulkan1 mesa-vulkan-drivers (Debian 12: -t bookworm-backports)"
        )

    def _check_memory(self) -> None:
        """Refuse a session that would keep its outputs elsewhere than on the device."""
        infos = getattr(self._session, "get_output_memory_infos", None)  # since 1.23
        names = {info.name for info in infos()} if infos is not None else set()
        if names != {self.memory}:
            raise EngineUnavailable(
                f"{self.spec.name}: expected outputs in {self.memory}, and onnxruntime "
                f"{ort.__version__} names {', '.join(sorted(names)) or 'no memory'}; install "
                "onnxruntime-webgpu 1.27 or later"
            )

    def _load(self, images: FloatArray) -> None:
        binding = self._session.io_binding()
        binding.bind_cpu_input(INPUT_NAME, images.astype(self._input_type, copy=False))
        for name in OUTPUT_NAMES:
            binding.bind_output(name, _DEVICE)
        self._binding = binding

    def _execute(self) -> None:
        self._start()
        self._wait()

    def _start(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def _wait(self) -> None:
        self._binding.synchronize_outputs()
        self._binding.get_outputs()[_SMALLEST].numpy()

    def _run_back_to_back(self, n: int) -> float:
        return mean_seconds(self._start, n, self._wait)

    def _fetch(self) -> RawOutputs:
        # Copied: where the device is the CPU, as in tests, an array would be a view.
        return raw_outputs([np.array(output) for output in self._binding.copy_outputs_to_cpu()])

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        io = {
            "host_memory": "copied when bound",
            "outputs": self.memory,
            "wait": f"by reading {OUTPUT_NAMES[_SMALLEST]}",
        }
        return {**super().describe(), "adapter": "not named by the runtime", "io": io}

    def close(self) -> None:
        """See `Engine.close`."""
        self._binding = None
        super().close()
