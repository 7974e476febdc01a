"""Read a plan's inputs and outputs, and run it, through whichever interface this ixRT has.

The vendor's scripts use two: bindings by number (`num_bindings`, `execute_v2`), as TensorRT up to
8, and tensors by name (`num_io_tensors`, `execute_async_v3`), as TensorRT from 10 on. Where an ixRT
has both, bindings are used: they made the published figures.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable

# Names of CUDA's driver and runtime up to cuda-python 12, and the ones that 13 has alone.
_CUDA = (("cuda.cuda", "cuda.cudart"), ("cuda.bindings.driver", "cuda.bindings.runtime"))


@dataclass(frozen=True)
class Binding:
    """An input or output of a plan, with its memory on the device."""

    name: str
    is_input: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    address: Any

    @property
    def n_bytes(self) -> int:
        """Count the bytes of the memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def import_cuda(name: str, next_step: str) -> tuple[Any, Any]:
    """Import CUDA's driver and runtime from cuda-python, under their older or their newer names.

    Args:
        name: The engine's.
        next_step: How to get cuda-python.

    Raises:
        EngineUnavailable: Neither can be imported.
    """
    with importing(
        f"{name} reaches the device's memory through cuda-python, and neither "
        f"{' and '.join(_CUDA[0])} nor {' and '.join(_CUDA[1])}",
        next_step,
    ):
        try:
            cuda, cudart = map(importlib.import_module, _CUDA[0])
        except ModuleNotFoundError:
            cuda, cudart = map(importlib.import_module, _CUDA[1])
    return cuda, cudart


def has_bindings(engine: Any) -> bool:
    """Tell whether a plan shows its inputs and outputs by number.

    Raises:
        RuntimeError: It shows them in neither way.
    """
    if hasattr(engine, "num_bindings"):
        return True
    if hasattr(engine, "num_io_tensors"):
        return False
    raise RuntimeError("its engine has neither num_bindings nor num_io_tensors")


def ports(ixrt: Any, engine: Any) -> Iterator[tuple[str, bool, tuple[int, ...], np.dtype[Any]]]:
    """List name, is an input, shape and type of a plan's inputs and outputs, in their order."""
    if has_bindings(engine):
        for i in range(engine.num_bindings):
            name, is_input = engine.get_binding_name(i), engine.binding_is_input(i)
            shape, kind = engine.get_binding_shape(i), engine.get_binding_dtype(i)
            yield name, bool(is_input), _axes(shape), np.dtype(ixrt.nptype(kind))
        return
    for i in range(engine.num_io_tensors):
        name = engine.get_tensor_name(i)
        is_input = engine.get_tensor_mode(name) == ixrt.TensorIOMode.INPUT
        shape, kind = engine.get_tensor_shape(name), engine.get_tensor_dtype(name)
        yield name, is_input, _axes(shape), np.dtype(ixrt.nptype(kind))


def _axes(shape: Any) -> tuple[int, ...]:
    return tuple(int(axis) for axis in shape)


class Launcher:
    """Runs a plan on memory that stays where it is.

    Raises:
        EngineUnavailable: The runtime takes no address, or gives no stream.
    """

    def __init__(
        self, name: str, engine: Any, context: Any, cudart: Any, bindings: Sequence[Binding]
    ) -> None:
        self._cudart, self._stream = cudart, None
        self.call: Callable[[], Any]
        if has_bindings(engine) or not hasattr(context, "execute_async_v3"):
            addresses = [binding.address for binding in bindings]
            self.method, self.call = "execute_v2", lambda: context.execute_v2(addresses)
            return
        for binding in bindings:
            if context.set_tensor_address(binding.name, int(binding.address)) is False:
                raise EngineUnavailable(
                    f"{name}: ixRT takes no address for {binding.name}; its log gives the reason"
                )
        code, stream = cudart.cudaStreamCreate()
        if code != cudart.cudaError_t.cudaSuccess:
            raise EngineUnavailable(
                f"{name}: cudaStreamCreate gave {code}; check whether a board is there: ixsmi"
            )
        self._stream = stream
        self.method, self.call = "execute_async_v3", lambda: context.execute_async_v3(stream)

    def close(self) -> None:
        """Free the stream, if there is one. May be called twice."""
        if self._stream is not None:
            self._cudart.cudaStreamDestroy(self._stream)
            self._stream = None
