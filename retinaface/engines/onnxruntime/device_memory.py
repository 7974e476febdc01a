"""Keep inputs and outputs of an ONNX Runtime session in the device's memory.

An input goes through pinned host memory, in the element type of the file (half the bytes for FP16),
into device memory with a fixed address, as CUDA graphs require. Not yet run on hardware; tests make
the same calls on the CPU, where ONNX Runtime offers them too.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.engines.onnxruntime.runtime import ort
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatArray

# Number of input shapes to keep memory for; with free size, nearly every image has its own shape.
MAX_SHAPES = 8
_RUNTIMES = ("libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")
_GRAPH_KEY = "gpu_graph_id"
_NO_GRAPH = "-1"


@dataclass(frozen=True)
class _Memory:
    """Memory and binding for calls with one input shape."""

    host_input: FloatArray
    device_input: Any
    device_outputs: list[Any]
    binding: Any
    run_options: Any


class DeviceIO:
    """Runs a session on memory of its device.

    Args:
        device: `cuda`; `cpu` for tests.
        input_type: Element type of the file's input.
        output_types: Element types of its outputs.
        use_graphs: Replay a CUDA graph for each input shape; the session needs `enable_cuda_graph`.
    """

    def __init__(
        self,
        session: Any,
        device: str,
        input_type: type[np.floating[Any]],
        output_types: list[type[np.floating[Any]]],
        *,
        use_graphs: bool,
    ) -> None:
        self._session, self._device = session, device
        self._input_type, self._output_types = input_type, output_types
        self._use_graphs = use_graphs
        self._memory: OrderedDict[tuple[int, ...], _Memory] = OrderedDict()
        self._loaded: _Memory | None = None
        self._n_made = 0
        self._host_memory = "none yet"

    def run(self, images: FloatArray) -> list[FloatArray]:
        """Load a batch, execute, and fetch the outputs.

        Args:
            images: (N, 3, H, W) float32.

        Returns:
            The outputs in the order of the file, in its element types; new arrays.
        """
        self.load(images)
        self.execute()
        return self.fetch()

    def load(self, images: FloatArray) -> None:
        """Copy a batch onto the device, and return when it is there.

        Args:
            images: (N, 3, H, W) float32.
        """
        memory = self._memory.get(images.shape) or self._make(images.shape)
        self._memory.move_to_end(images.shape)
        np.copyto(memory.host_input, images, casting="same_kind")
        memory.device_input.update_inplace(memory.host_input)  # this copy waits
        self._loaded = memory

    def execute(self) -> None:
        """Run on the loaded batch, and wait for the device.

        A run waits by itself, except with `disable_synchronize_execution_providers`. The second
        wait costs microseconds and makes sure.

        Raises:
            ValueError: No batch was loaded.
        """
        binding = self._current_memory().binding
        self._session.run_with_iobinding(binding, self._current_memory().run_options)
        binding.synchronize_outputs()

    def fetch(self) -> list[FloatArray]:
        """Copy the outputs of the last run; see `run`.

        Raises:
            ValueError: No batch was loaded.
        """
        return [self._copy(output) for output in self._current_memory().device_outputs]

    def _current_memory(self) -> _Memory:
        if self._loaded is None:
            raise ValueError("no batch was loaded; load one first")
        return self._loaded

    def describe(self) -> dict[str, str]:
        """Describe the use of memory and graphs; JSON types only."""
        return {
            "host_memory": self._host_memory,
            "cuda_graphs": "on" if self._use_graphs else "off",
        }

    def close(self) -> None:
        """Free the memory."""
        self._memory.clear()
        self._session = self._loaded = None

    def _copy(self, output: Any) -> FloatArray:
        array: FloatArray = output.numpy()
        return array.copy() if self._device == "cpu" else array  # a view on the CPU

    def _make(self, shape: tuple[int, ...]) -> _Memory:
        n, _, height, width = shape
        if len(self._memory) == MAX_SHAPES:
            self._memory.popitem(last=False)
        host_input = np.zeros(shape, dtype=self._input_type)
        reason = pin(host_input)
        self._host_memory = "pinned" if reason is None else f"pageable ({reason})"
        n_priors = len(prior_boxes(height, width))
        device_input = self._value(shape, self._input_type)
        device_outputs = [
            self._value((n, n_priors, n_values), kind)
            for n_values, kind in zip(OUTPUT_WIDTHS.values(), self._output_types, strict=True)
        ]
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(INPUT_NAME, device_input)
        for name, value in zip(OUTPUT_NAMES, device_outputs, strict=True):
            binding.bind_ortvalue_output(name, value)
        self._n_made += 1  # ids are never reused: a graph holds addresses that may be freed
        options = run_options(str(self._n_made) if self._use_graphs else None)
        memory = _Memory(host_input, device_input, device_outputs, binding, options)
        self._memory[shape] = memory
        return memory

    def _value(self, shape: tuple[int, ...], kind: type[np.floating[Any]]) -> Any:
        return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), kind, self._device, 0)


def run_options(graph_id: str | None) -> Any:
    """Make the options of one call; without an id, the call uses no graph."""
    options = ort.RunOptions()
    options.add_run_config_entry(_GRAPH_KEY, graph_id or _NO_GRAPH)
    return options


def pin(array: FloatArray) -> str | None:
    """Pin an array's memory, so the device can copy it directly.

    The memory is unpinned when the array is deleted.

    Returns:
        None, or the reason why it could not be pinned.
    """
    runtime = cuda_runtime()
    if runtime is None:
        return f"none of {', '.join(_RUNTIMES)} was found"
    address = ctypes.c_void_p(array.ctypes.data)
    if code := runtime.cudaHostRegister(address, ctypes.c_size_t(array.nbytes), 0):
        return f"cudaHostRegister gave error {code}"
    weakref.finalize(array, runtime.cudaHostUnregister, address)
    return None


def cuda_runtime() -> ctypes.CDLL | None:
    """Load the newest CUDA runtime library; None where there is none."""
    for name in _RUNTIMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
