"""A stand-in for ixRT's `tensorrt` and for cuda-python: calls recorded, real outputs on the CPU.

A plan is the ONNX file in the precision it was built in; `execute_v2` runs it with ONNX Runtime on
what was copied to an address. What the engine does with the API is thereby shown; what the vendor's
builder does is not. `variants` has the forms that it may have, `iluvatar_plugin` puts one in place
for a whole run.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.standins.modules import FakeModules

VENDOR_VERSION = "8.6.1"  # numbers alone, as the vendor's scripts read it
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
    """A plan, read back; its tensors in whichever order the runtime gives them."""

    def __init__(self, ixrt: FakeIxrt, plan: bytes) -> None:
        import onnxruntime

        self._ixrt = ixrt
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        outputs = self.session.get_outputs()
        if ixrt.sorts_bindings:
            outputs = sorted(outputs, key=lambda output: output.name)
        self.ports = [*self.session.get_inputs(), *outputs]

    def shape_of(self, i: int) -> tuple[int, ...]:
        return tuple(a if isinstance(a, int) else -1 for a in self.ports[i].shape)

    def execute(self, method: str, argument: Any, addresses: list[int]) -> bool:
        ixrt = self._ixrt
        ixrt.calls.append((method, argument))
        feed = ixrt.memory[addresses[0]].astype(np.float32)
        names = [port.name for port in self.ports[1:]]
        arrays = self.session.run(names, {self.ports[0].name: feed})
        for address, array in zip(addresses[1:], arrays, strict=True):
            ixrt.memory[address] = array.astype(ixrt.io_type)
        return ixrt.executes


class BoundEngine(CudaEngine):
    """An engine with bindings by number."""

    @property
    def num_bindings(self) -> int:
        return len(self.ports)

    def binding_is_input(self, i: int) -> bool:
        return i == 0

    def get_binding_name(self, i: int) -> str:
        return self.ports[i].name

    def get_binding_shape(self, i: int) -> tuple[int, ...]:
        return self.shape_of(i)

    def get_binding_dtype(self, i: int) -> str:
        return self._ixrt.io_type

    def create_execution_context(self) -> Any:
        def execute_v2(addresses: list[int]) -> bool:
            return self.execute("execute_v2", list(addresses), addresses)

        return SimpleNamespace(execute_v2=execute_v2)


class NamedEngine(CudaEngine):
    """An engine with tensors by name."""

    @property
    def num_io_tensors(self) -> int:
        return len(self.ports)

    def _index(self, name: str) -> int:
        return [port.name for port in self.ports].index(name)

    def get_tensor_name(self, i: int) -> str:
        return self.ports[i].name

    def get_tensor_mode(self, name: str) -> str:
        return "INPUT" if self._index(name) == 0 else "OUTPUT"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shape_of(self._index(name))

    def get_tensor_dtype(self, name: str) -> str:
        assert name in [port.name for port in self.ports]
        return self._ixrt.io_type

    def create_execution_context(self) -> Any:
        found: dict[str, int] = {}

        def set_tensor_address(name: str, address: int) -> bool:
            found[name] = address
            return self._ixrt.takes_addresses

        def execute_async_v3(stream: int) -> bool:
            addresses = [found[port.name] for port in self.ports]
            return self.execute("execute_async_v3", stream, addresses)

        return SimpleNamespace(
            set_tensor_address=set_tensor_address, execute_async_v3=execute_async_v3
        )


class FakeIxrt(FakeModules):
    """The modules, what was called, and what can be made to go wrong.

    Attributes:
        memory: Arrays on the device, by address.
        parser_errors: What the parser says of every file.
        sorts_bindings: Whether outputs come sorted by name, as from one of the vendor's releases.
        io_type: Of all bindings.
        streams: Those that are not destroyed.
        takes_addresses: Whether a context takes an address for a name.
        has_names: Whether its tensors have names, in place of bindings.
    """

    packages = ("tensorrt", "ixrt", "cuda")

    def __init__(
        self,
        *,
        version: str | None = VENDOR_VERSION,
        lacks: tuple[str, ...] = (),
        is_vendors: bool = True,
        has_names: bool = False,
        module: str = "tensorrt",
        cuda: tuple[str, str] = ("cuda.cuda", "cuda.cudart"),
    ) -> None:
        super().__init__()
        self.has_names, self.takes_addresses, self.streams = has_names, True, set()
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
            "TensorIOMode": SimpleNamespace(INPUT="INPUT", OUTPUT="OUTPUT"),
            "__path__": [],
        }
        parts: dict[str, dict[str, Any]] = {
            module: tensorrt,
            **({f"{module}.deploy": {}} if is_vendors else {}),
            "cuda": {"__path__": []},
            **({"cuda.bindings": {"__path__": []}} if "bindings" in cuda[0] else {}),
            cuda[0]: {
                "CUresult": SimpleNamespace(CUDA_SUCCESS=OK),
                "cuMemcpyHtoD": self._to_device,
                "cuMemcpyDtoH": self._from_device,
            },
            cuda[1]: {
                "cudaError_t": SimpleNamespace(cudaSuccess=OK),
                "cudaMalloc": self._allocate,
                "cudaFree": self._free,
                "cudaDeviceSynchronize": self._synchronize,
                "cudaStreamCreate": self._make_stream,
                "cudaStreamDestroy": self._end_stream,
                "cudaGetDeviceProperties": lambda index: (
                    OK,
                    SimpleNamespace(name=b"Iluvatar MR-V100"),
                ),
            },
        }
        self.make(parts, (*lacks, *(() if version else (f"{module}.__version__",))))

    def _deserialize(self, plan: bytes) -> CudaEngine | None:
        self.calls.append(("deserialize_cuda_engine",))
        kind = NamedEngine if self.has_names else BoundEngine
        return kind(self, plan) if self.has_board else None

    def _make_stream(self) -> tuple[int, int]:
        self._next += 1
        self.streams.add(self._next)
        return OK, self._next

    def _end_stream(self, stream: int) -> tuple[int]:
        self.streams.remove(stream)
        return (OK,)

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
