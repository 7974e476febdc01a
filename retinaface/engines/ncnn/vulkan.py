"""Run ncnn on a GPU through Vulkan, image by image; lavapipe of Mesa is a GPU in software."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from retinaface.engines.base import EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.ncnn.engine import NcnnEngine
from retinaface.errors import EngineUnavailable

with importing("ncnn", "install the extra 'ncnn', and its converter: pip install --no-deps pnnx"):
    import ncnn

_DEVICE = "device"
# Of `GpuInfo.type()`, as ncnn's src/gpu.h numbers them.
_TYPES = {0: "discrete", 1: "integrated", 2: "virtual", 3: "software"}
_FP16 = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")
_PACKAGES = "libvulkan1 mesa-vulkan-drivers"


class NcnnVulkanEngine(NcnnEngine):
    """A network whose layers run as Vulkan's compute shaders.

    FP16 packs, stores and computes in FP16, sums included. bf16 stays off.
    """

    known_options: ClassVar = {
        _DEVICE: "index of the GPU, as ncnn counts them; 0 by default",
        "use_winograd_convolution": "on or off: Winograd's algorithm, of any tile",
        "use_winograd23_convolution": "on or off: its tiles of 2",
        "use_winograd43_convolution": "on or off: its tiles of 4",
        "use_sgemm_convolution": "on or off: convolutions as products of matrices",
    }

    def __init__(self, spec: EngineSpec) -> None:
        self._index = 0
        super().__init__(spec)

    def _check_device(self) -> None:
        """Find the GPU: without one, ncnn would run on the CPU and say so on stderr alone."""
        name, n = self.spec.name, ncnn.get_gpu_count()
        if n == 0:
            raise EngineUnavailable(
                f"{name} needs a Vulkan device, and ncnn {ncnn.__version__} finds none; install "
                f"the driver of your GPU, or for one in software: apt install {_PACKAGES}"
            )
        stated = self.spec.options.get(_DEVICE, "0")
        if not (stated.isascii() and stated.isdigit() and int(stated) < n):
            raise EngineUnavailable(
                f"{name}: option {_DEVICE} must be the index of a GPU, 0 to {n - 1} here, got "
                f"{stated!r}"
            )
        self._index = int(stated)

    def _choose_device(self, net: Any) -> None:
        net.opt.use_vulkan_compute = True
        net.set_vulkan_device(self._index)

    def _proves_fp16(self, param: Path, weights: Path) -> bool:
        """Read what ncnn left of the options: it drops those that the device lacks."""
        if self.spec.precision == "fp32":
            return False
        if lacking := [name for name in _FP16 if not getattr(self._net.opt, name)]:
            facts = self._device_facts()
            raise EngineUnavailable(
                f"{self.spec.name}: {facts['device_name']} does not compute in FP16 (ncnn dropped "
                f"{', '.join(lacking)}); choose another GPU with --engine-option {_DEVICE}=N, or "
                f"use {self.spec.name.replace('fp16', 'fp32')}"
            )
        return True

    def _find_placement(self, n_nodes: int) -> dict[str, Any]:
        """Read from the loaded network whether it runs on the GPU, and which layers cannot."""
        on_gpu = self._net.opt.use_vulkan_compute and self._net.vulkan_device() is not None
        return {
            "provider": "ncnn Vulkan" if on_gpu else "ncnn CPU",
            "n_nodes": n_nodes,
            "fallback": [one.name for one in self._net.layers() if not one.support_vulkan],
        }

    def _device_facts(self) -> dict[str, Any]:
        """Give name and type of the GPU; a driver that computes on the CPU is `software`."""
        info = ncnn.get_gpu_info(self._index)
        return {
            "device_name": info.device_name(),
            "device_type": _TYPES.get(info.type(), "other"),
            "device_index": self._index,
        }

    def close(self) -> None:
        """See `Engine.close`."""
        if self._net is not None:
            self._net.clear()  # frees the device's memory while the device is there
        super().close()
