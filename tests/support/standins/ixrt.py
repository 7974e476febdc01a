"""A stand-in for ixRT's `tensorrt` and for cuda-python: calls recorded, real outputs on the CPU.

A plan is the ONNX file in the precision it was built in; `execute_v2` runs it with ONNX Runtime on
what was copied to an address. What the engine does with the API is thereby shown; what the vendor's
builder does is not. `standins` is the plugin that puts it in place for a whole run.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.standins.modules import FakeModules

VENDOR_VERSION = "8.4.3+corex.4.2.0"
OK, FAILED = 0, 2


class Parser:
    """`OnnxParser`: keeps the file's content in the network."""

    def __init__(self, ixrt: FakeIxrt, network: Any) -> None:
        self._ixrt, self._network = ixrt, network
        self.num_errors = 0

    def parse_from_file(self, path: str) -> bool:
        import onnx

        model = onnx.load(path)
        dims = model.graph.input[0].type.tensor_type.shape.dim
        outputs = [value.name for value in model.graph.output]
        self._ixrt.calls.append(("parse_from_file", [dim.dim_value for dim in dims], outputs))
        self._network.content = model.SerializeToString()
        self.num_errors = len(self._ixrt.parser_errors)
        return not self._ixrt.parser_errors

    def get_error(self, index: int) -> str:
        return self._ixrt.parser_errors[index]


class Builder:
    """`Builder`."""

    def __init__(self, ixrt: FakeIxrt) -> None:
        self._ixrt = ixrt

    def create_network(self, flags: int) -> Any:
        self._ixrt.calls.append(("create_network", flags))
        return SimpleNamespace(content=b"")

    def create_builder_config(self) -> Any:
        flags: list[str] = []
        return SimpleNamespace(flags=flags, set_flag=flags.append)

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        from tests.support.standins.tvm import in_precision

        self._ixrt.calls.append(("build_serialized_network", list(config.flags)))
        if not self._ixrt.builds:
            return None
        return in_precision(network.content, "fp16" if "FP16" in config.flags else "fp32")


class CudaEngine:
    """A plan, read back; its bindings in whichever order the runtime gives them."""

    def __init__(self, ixrt: FakeIxrt, plan: bytes) -> None:
        import onnxruntime

        self._ixrt = ixrt
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        outputs = self.session.get_outputs()
        if ixrt.sorts_bindings:
            outputs = sorted(outputs, key=lambda output: output.name)
        self.bindings = [*self.session.get_inputs(), *outputs]
        self.num_bindings = len(self.bindings)

    def binding_is_input(self, i: int) -> bool:
        return i == 0

    def get_binding_name(self, i: int) -> str:
        return self.bindings[i].name

    def get_binding_shape(self, i: int) -> tuple[int, ...]:
        return tuple(a if isinstance(a, int) else -1 for a in self.bindings[i].shape)

    def get_binding_dtype(self, i: int) -> str:
        return self._ixrt.io_type

    def create_execution_context(self) -> Any:
        return SimpleNamespace(execute_v2=self._execute)

    def _execute(self, addresses: list[int]) -> bool:
        ixrt = self._ixrt
        ixrt.calls.append(("execute_v2", list(addresses)))
        feed = ixrt.memory[addresses[0]].astype(np.float32)
        names = [binding.name for binding in self.bindings[1:]]
        arrays = self.session.run(names, {self.bindings[0].name: feed})
        for address, array in zip(addresses[1:], arrays, strict=True):
            ixrt.memory[address] = array.astype(ixrt.io_type)
        return ixrt.executes


class FakeIxrt(FakeModules):
    """The modules, what was called, and what can be made to go wrong.

    Attributes:
        memory: Arrays on the device, by address.
        parser_errors: What the parser says of every file.
        sorts_bindings: Whether outputs come sorted by name, as from one of the vendor's releases.
        io_type: Of all bindings.
    """

    packages = ("tensorrt", "cuda")

    def __init__(self, *, version: str = VENDOR_VERSION, lacks: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.memory: dict[int, Any] = {}
        self.parser_errors: list[str] = []
        self.sorts_bindings, self.builds, self.executes = False, True, True
        self.has_board, self.io_type = True, "float32"
        self._next = 0
        logger = SimpleNamespace(WARNING=1, ERROR=2)
        tensorrt = {
            "__version__": version,
            "Logger": type("Logger", (), {**vars(logger), "__init__": lambda self, level: None}),
            "Builder": lambda logger: Builder(self),
            "NetworkDefinitionCreationFlag": SimpleNamespace(EXPLICIT_BATCH=0),
            "BuilderFlag": SimpleNamespace(FP16="FP16"),
            "OnnxParser": lambda network, logger: Parser(self, network),
            "Runtime": lambda logger: SimpleNamespace(deserialize_cuda_engine=self._deserialize),
            "nptype": np.dtype,
        }
        parts: dict[str, dict[str, Any]] = {
            "tensorrt": tensorrt,
            "cuda": {"__path__": []},
            "cuda.cuda": {
                "CUresult": SimpleNamespace(CUDA_SUCCESS=OK),
                "cuMemcpyHtoD": self._to_device,
                "cuMemcpyDtoH": self._from_device,
            },
            "cuda.cudart": {
                "cudaError_t": SimpleNamespace(cudaSuccess=OK),
                "cudaMalloc": self._allocate,
                "cudaFree": self._free,
                "cudaDeviceSynchronize": self._synchronize,
                "cudaGetDeviceProperties": lambda index: (
                    OK,
                    SimpleNamespace(name=b"Iluvatar MR-V100"),
                ),
            },
        }
        self.make(parts, lacks)

    def _deserialize(self, plan: bytes) -> CudaEngine | None:
        self.calls.append(("deserialize_cuda_engine",))
        return CudaEngine(self, plan) if self.has_board else None

    def _allocate(self, n_bytes: int) -> tuple[int, int]:
        self._next += 256
        self.calls.append(("cudaMalloc", n_bytes))
        self.memory[self._next] = None
        return OK, self._next

    def _free(self, address: int) -> tuple[int]:
        self.calls.append(("cudaFree", address))
        del self.memory[address]
        return (OK,)

    def _synchronize(self) -> tuple[int]:
        self.calls.append(("cudaDeviceSynchronize",))
        return (OK,)

    def _to_device(self, address: int, array: np.ndarray, n_bytes: int) -> tuple[int]:
        self.calls.append(("cuMemcpyHtoD", address, array.shape, str(array.dtype), n_bytes))
        self.memory[address] = array.copy()
        return (OK,)

    def _from_device(self, array: np.ndarray, address: int, n_bytes: int) -> tuple[int]:
        self.calls.append(("cuMemcpyDtoH", address, array.shape, str(array.dtype), n_bytes))
        array[...] = self.memory[address]
        return (OK,)
