"""Use CUDA's runtime through cuda-python: device memory, pinned host memory, one stream.

The code follows the reference of `cuda.bindings.runtime` (cuda-python 12.6 to 13): each function
returns a tuple that begins with a `cudaError_t`. Addresses are numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable
from retinaface.typing import FloatArray

_MODULE, _OLDER_NAME = "cuda.bindings.runtime", "cuda.cudart"  # the older one up to 12


def import_cuda(spec: EngineSpec) -> Any:
    """Import CUDA's runtime.

    Raises:
        EngineUnavailable: cuda-python cannot be imported.
    """
    with importing(
        f"{spec.name} reaches the device's memory through cuda-python, which",
        "pip install cuda-bindings, of your driver's CUDA: '>=13' or '>=12.6,<13'",
    ):
        try:
            return importlib.import_module(_MODULE)
        except ImportError:
            with contextlib.suppress(ImportError):
                return importlib.import_module(_OLDER_NAME)
            raise  # the newer one's error


class Cuda:
    """A stream on the first device, and its memory.

    Raises:
        EngineUnavailable: There is no device, or the driver is too old for the module.
    """

    def __init__(self, spec: EngineSpec, runtime: Any) -> None:
        self._runtime = runtime
        self._device: list[int] = []
        self._host: list[int] = []
        self.stream: int | None = None
        try:
            n_devices = self.call("cudaGetDeviceCount")
            if not n_devices:
                raise RuntimeError("cudaGetDeviceCount gave 0 devices")
            properties = self.call("cudaGetDeviceProperties", 0)
            self.cuda_of_driver = int(self.call("cudaDriverGetVersion"))
            self.stream = int(self.call("cudaStreamCreate"))
        except RuntimeError as error:
            raise EngineUnavailable(
                f"{spec.name} needs cuda: {error}; check whether a device is there and which CUDA "
                "its driver supports: nvidia-smi"
            ) from error
        name = properties.name
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        self.name = text.strip(" \0")
        self.capability = f"{properties.major}.{properties.minor}"

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the runtime.

        Returns:
            Its result without the error code; None where there is none.

        Raises:
            RuntimeError: The call failed.
        """
        code, *values = getattr(self._runtime, name)(*arguments)
        if code != self._runtime.cudaError_t.cudaSuccess:
            raise RuntimeError(f"{name} gave {self._error_text(code)}")
        return values[0] if values else None

    def _error_text(self, code: Any) -> str:
        _, text = self._runtime.cudaGetErrorString(code)
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return f"{getattr(code, 'name', code)} ({text})"

    def allocate(self, n_bytes: int) -> int:
        """Allocate memory on the device; return its address."""
        address = int(self.call("cudaMalloc", n_bytes))
        self._device.append(address)
        return address

    def pinned(self, n_elements: int, dtype: np.dtype[Any]) -> FloatArray:
        """Make an array in pinned host memory, for direct copies; valid until `close`."""
        n_bytes = n_elements * dtype.itemsize
        address = int(self.call("cudaHostAlloc", n_bytes, 0))
        self._host.append(address)
        memory = (ctypes.c_uint8 * n_bytes).from_address(address)
        array: FloatArray = np.frombuffer(memoryview(memory), dtype)
        return array

    def to_device(self, address: int, array: FloatArray) -> None:
        """Copy a contiguous array to the device, after all earlier work of the stream."""
        self._copy(address, array.ctypes.data, array.nbytes, "cudaMemcpyHostToDevice")

    def from_device(self, array: FloatArray, address: int) -> None:
        """Fill a contiguous array from the device, after all earlier work of the stream."""
        self._copy(array.ctypes.data, address, array.nbytes, "cudaMemcpyDeviceToHost")

    def _copy(self, target: int, source: int, n_bytes: int, kind: str) -> None:
        kinds = self._runtime.cudaMemcpyKind
        self.call("cudaMemcpyAsync", target, source, n_bytes, getattr(kinds, kind), self.stream)

    def wait(self) -> None:
        """Wait for all work of the stream."""
        self.call("cudaStreamSynchronize", self.stream)

    def close(self) -> None:
        """Free everything, and ignore failures. May be called twice."""
        for name, addresses in (("cudaFree", self._device), ("cudaFreeHost", self._host)):
            while addresses:
                with contextlib.suppress(RuntimeError):  # a device that failed fails here too
                    self.call(name, addresses.pop())
        if self.stream is not None:
            with contextlib.suppress(RuntimeError):
                self.call("cudaStreamDestroy", self.stream)
            self.stream = None


class Tensor:
    """Memory of an engine's input or output, on device and host, for the largest shape."""

    def __init__(self, cuda: Cuda, largest: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        n_elements = math.prod(largest)
        self.address = cuda.allocate(n_elements * dtype.itemsize)
        self._host = cuda.pinned(n_elements, dtype)

    def host(self, shape: Sequence[int]) -> FloatArray:
        """View the host memory as an array of a smaller or equal shape."""
        view: FloatArray = self._host[: math.prod(shape)].reshape(tuple(shape))
        return view
