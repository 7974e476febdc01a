"""A stand-in for `cuda.bindings.runtime`: memory of this process, at its own addresses.

A copy beyond what was allocated is an error; what is asked of a stream is done at the next wait.
"""

from __future__ import annotations

import ctypes
import enum
from types import SimpleNamespace
from typing import Any

import numpy as np


class Error(enum.IntEnum):
    """`cudaError_t`."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35


class Kind(enum.IntEnum):
    """`cudaMemcpyKind`."""

    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class FakeCuda:
    """`cuda.bindings.runtime`: memory, one stream, facts.

    Attributes:
        memory: Arrays by address, of both sides.
        fails: Name of a function that gives an error.
        n_devices: That there are.
    """

    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self.calls, self.memory = calls, {}
        self.fails, self.n_devices, self.limit_bytes = "", 1, 1 << 40
        self.streams: dict[int, list[Any]] = {}  # tasks of each that are not done yet
        self._n_streams = 0

    def functions(self) -> dict[str, Any]:
        """By name; each gives a code first."""
        names = [name for name in dir(self) if name.startswith("cuda")]
        return {name: self._called(name) for name in names} | {
            "cudaError_t": Error,
            "cudaMemcpyKind": Kind,
            "cudaGetErrorString": lambda code: (Error.cudaSuccess, f"text of {code}".encode()),
        }

    def _called(self, name: str) -> Any:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, *arguments))
            if self.fails == name:
                n_values = 0 if name in ("cudaStreamSynchronize", "cudaMemcpyAsync") else 1
                return (Error.cudaErrorInsufficientDriver, *(None,) * n_values)
            return getattr(self, name)(*arguments)

        return call

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return Error.cudaSuccess, self.n_devices

    def cudaGetDeviceProperties(self, _device: int) -> tuple[Any, ...]:
        return Error.cudaSuccess, SimpleNamespace(name=b"NVIDIA Stand-in\0\0", major=9, minor=0)

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return Error.cudaSuccess, 13000

    def cudaStreamCreate(self) -> tuple[Any, ...]:
        self._n_streams += 1
        self.streams[self._n_streams] = []
        return Error.cudaSuccess, self._n_streams

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:
        del self.streams[stream]
        return (Error.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:
        for task in self.streams[stream]:
            task()
        self.streams[stream].clear()
        return (Error.cudaSuccess,)

    def cudaMalloc(self, n_bytes: int) -> tuple[Any, ...]:
        if n_bytes > self.limit_bytes:
            return Error.cudaErrorMemoryAllocation, None
        array = np.zeros(n_bytes, np.uint8)
        self.memory[array.ctypes.data] = array
        return Error.cudaSuccess, array.ctypes.data

    def cudaHostAlloc(self, n_bytes: int, flags: int) -> tuple[Any, ...]:
        assert flags == 0
        return self.cudaMalloc(n_bytes)

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        del self.memory[address]
        return (Error.cudaSuccess,)

    def cudaFreeHost(self, address: int) -> tuple[Any, ...]:
        return self.cudaFree(address)

    def cudaMemcpyAsync(self, target: int, source: int, n: int, _: Kind, stream: int) -> Any:
        for address in (target, source):
            assert n <= self.memory[address].nbytes, "a copy beyond what was allocated"
        self.streams[stream].append(lambda: ctypes.memmove(target, source, n))
        return (Error.cudaSuccess,)

    def array(self, address: int, shape: tuple[int, ...], kind: str) -> np.ndarray:
        """Read the memory at an address."""
        n_bytes = int(np.prod(shape)) * np.dtype(kind).itemsize
        return self.memory[address][:n_bytes].view(kind).reshape(shape)
