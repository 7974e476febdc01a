"""A stand-in for the vendor's TVM: the same calls, each recorded, and real outputs on the CPU.

`export_library` writes the ONNX file in the precision it was built in; `load_module` opens it with
ONNX Runtime. What the engine does with the API is thereby shown; what the vendor's compiler does is
not. `standins` is the plugin that puts it in place for a whole run.
"""

from __future__ import annotations

import json
import time
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.standins.modules import FakeModules

VENDOR_VERSION = "0.18.0+corex.4.2.0"
_DEVICE_TYPES = {"cpu": 1, "llvm": 1, "iluvatar": 23}


class Device:
    """`tvm.device(kind, index)`."""

    def __init__(self, tvm: FakeTvm, kind: str, index: int) -> None:
        self._tvm, self.kind, self.index = tvm, kind, index
        self.device_type = _DEVICE_TYPES[kind]
        self.device_name = tvm.device_name

    @property
    def exist(self) -> bool:
        return self._tvm.exists

    def sync(self) -> None:
        self._tvm.calls.append(("sync", str(self)))

    def __str__(self) -> str:
        return f"{self.kind}({self.index})"


class NDArray:
    """A tensor on a device; `numpy()` and `asnumpy()` copy."""

    def __init__(self, array: np.ndarray, device: Device) -> None:
        self._array, self.device = array, device
        self.shape, self.dtype = array.shape, str(array.dtype)

    def numpy(self) -> np.ndarray:
        return self._array.copy()

    def asnumpy(self) -> np.ndarray:
        return self._array.copy()


class OlderNDArray(NDArray):
    """A tensor that has `asnumpy()` alone, the only one that the vendor's scripts call."""

    numpy = None


class Library:
    """What `relay.build` gives and `load_module` reads: an ONNX file and how it was built."""

    def __init__(self, tvm: FakeTvm, onnx_bytes: bytes, **facts: Any) -> None:
        self._tvm, self._onnx, self.facts = tvm, onnx_bytes, facts

    def export_library(self, path: str) -> None:
        self._tvm.calls.append(("export_library", path))
        Path(path).write_bytes(json.dumps(self.facts).encode() + b"\n" + self._onnx)

    def __getitem__(self, name: str) -> Any:
        if name == "get_graph_json" and self._tvm.shows_graph:
            return lambda: json.dumps(self._tvm.graph(self.facts))
        if name != "default":
            raise AttributeError(f"Module has no function '{name}'")

        def default(device: Device) -> Executor:
            self._tvm.calls.append(("default", str(device)))
            return Executor(self._tvm, self._onnx, self.facts, device)

        return default


class Executor:
    """A graph executor, which gives its own buffers: the next run overwrites them."""

    def __init__(self, tvm: FakeTvm, content: bytes, facts: dict[str, Any], device: Device) -> None:
        import onnxruntime

        self._tvm, self._facts, self._device = tvm, facts, device
        self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        self._outputs: list[NDArray] = []
        self.module = self  # what the graph executor wraps, which has the clock
        tvm.executors.add(self)

    def get_input(self, name: str) -> NDArray | None:
        if name != self._facts["input"]:
            return None
        return self._tvm.tensor(np.zeros(self._facts["shape"], np.float32), self._device)

    def get_num_outputs(self) -> int:
        return len(self._session.get_outputs())

    def set_input(self, name: str, value: NDArray) -> None:
        self._tvm.calls.append(("set_input", name, value.shape, value.dtype, str(value.device)))
        assert value.shape == tuple(self._facts["shape"])
        self._fed = {name: value.asnumpy()}

    def run(self) -> None:
        self._tvm.calls.append(("run",))
        arrays = self._tvm.changed(self._session.run(None, self._fed))
        device = self._tvm.outputs_on or self._device
        if not self._outputs:
            self._outputs = [self._tvm.tensor(array, device) for array in arrays]
        for output, array in zip(self._outputs, arrays, strict=True):
            output._array[...] = array

    def time_evaluator(self, name: str, device: Device, *, number: int, repeat: int) -> Any:
        """Time `number` runs back to back, after one that is not counted."""
        self._tvm.calls.append(("time_evaluator", name, str(device), number, repeat))

        def evaluate() -> Any:
            self.run()
            started = time.perf_counter()
            for _ in range(number):
                self.run()
            return SimpleNamespace(results=[(time.perf_counter() - started) / number])

        return evaluate

    def get_output(self, index: int) -> NDArray:
        self._tvm.calls.append(("get_output", index))
        return self._outputs[index]


class FakeTvm(FakeModules):
    """The modules, what was called, and what can be made to go wrong.

    Attributes:
        executors: Those that somebody still holds.
        version: `tvm.__version__`.
        exists: Whether the board is there.
        device_name: What the runtime calls it.
        shows_graph: Whether engine files show their graph.
        is_vendors: Without it, Relay as Apache TVM had it: no `import_model`, no `precision`.
        shows_half: Whether the graph of an FP16 file names float16.
        hides_precision: Whether the signature of its build is `**kwargs`.
        tensor: Class of its tensors.
    """

    packages = ("tvm",)

    def __init__(
        self,
        *,
        lacks: tuple[str, ...] = (),
        is_vendors: bool = True,
        version: str | None = VENDOR_VERSION,
        hides_precision: bool = False,
        shows_graph: bool = True,
        shows_half: bool = True,
        tensor: type[NDArray] = NDArray,
    ) -> None:
        super().__init__()
        self.executors: weakref.WeakSet[Executor] = weakref.WeakSet()
        self.version, self.exists, self.shows_graph = version, True, shows_graph
        self.shows_half, self.hides_precision, self.tensor = shows_half, hides_precision, tensor
        self.device_name: str | None = "MR-V100"
        self.outputs_on: Device | None = None
        self.graph = self._graph
        self.changed = list
        self._is_vendors = is_vendors
        absent = (*lacks, *(() if is_vendors else ("tvm.relay.import_model",)))
        absent = (*absent, *(() if version else ("tvm.__version__",)))
        self.make(self._parts(), absent)

    def _parts(self) -> dict[str, dict[str, Any]]:
        return {
            "tvm": {"__version__": self.version, "__path__": [], "device": self._make_device},
            "tvm.contrib": {"__path__": []},
            "tvm.contrib.graph_executor": {"GraphModule": lambda executor: executor},
            "tvm.relay": {
                "__path__": [],
                "build": self._build(),
                "frontend": SimpleNamespace(from_onnx=self._from_onnx),
                "transform": SimpleNamespace(
                    InferType=lambda: lambda module: module, ToMixedPrecision=self._mixed
                ),
            },
            "tvm.relay.import_model": {"import_model_to_igie": self._import_model},
            "tvm.runtime": {"load_module": self._load_module},
            "tvm.target": {"Target": self._target, "iluvatar": self._iluvatar},
            "tvm.nd": {"array": self.tensor},
            "tvm.transform": {"PassContext": self._pass_context},
        }

    def _make_device(self, kind: str, index: int) -> Device:
        self.calls.append(("device", kind, index))
        return Device(self, kind, index)

    def _target(self, text: str) -> Any:
        return _Target(text, text)

    def _iluvatar(self, model: str, options: str) -> Any:
        self.calls.append(("target.iluvatar", model, options))
        return _Target("iluvatar", f"iluvatar -model={model} {options}")

    def _import_model(self, path: str, shapes: dict[str, Any], backend: str) -> Any:
        self.calls.append(("import_model_to_igie", path, shapes, backend))
        return (Path(path).read_bytes(), shapes, "fp32"), {"params": "of the file"}

    def _from_onnx(self, model: Any, shapes: dict[str, Any], *, freeze_params: bool) -> Any:
        self.calls.append(("from_onnx", model.graph.input[0].name, shapes, freeze_params))
        return (model.SerializeToString(), shapes, "fp32"), {"params": "of the file"}

    def _mixed(self, dtype: str) -> Any:
        self.calls.append(("ToMixedPrecision", dtype))
        return lambda module: (*module[:2], "fp16")

    def _pass_context(self, opt_level: int) -> Any:
        import contextlib

        self.calls.append(("PassContext", opt_level))
        return contextlib.nullcontext()

    def _build(self) -> Any:
        if not self._is_vendors:
            return self._public_build
        return self._hiding_build if self.hides_precision else self._vendors_build

    def _hiding_build(self, module: Any, **settings: Any) -> Library:
        """Build FP32 where no precision is given, without a word."""
        return self._vendors_build(module, **{"precision": "fp32", **settings})

    def _vendors_build(self, module: Any, target: Any, params: Any, precision: str) -> Library:
        self.calls.append(("relay.build", str(target), params, precision))
        return self._built(module, precision)

    def _public_build(self, module: Any, target: Any, params: Any) -> Library:
        self.calls.append(("relay.build", str(target), params))
        return self._built(module, module[2])

    def _built(self, module: Any, precision: str) -> Library:
        content, shapes, _ = module
        ((name, shape),) = shapes.items()
        return Library(self, in_precision(content, precision), input=name, shape=list(shape),
                       precision=precision)  # fmt: skip

    def _load_module(self, path: str) -> Library:
        self.calls.append(("load_module", path))
        facts, _, content = Path(path).read_bytes().partition(b"\n")
        return Library(self, content, **json.loads(facts))

    def _graph(self, facts: dict[str, Any]) -> dict[str, Any]:
        """As a graph executor's JSON has it, of three nodes."""
        inner = "float16" if facts["precision"] == "fp16" and self.shows_half else "float32"
        return {
            "nodes": [{"op": "null"}, {"op": "tvm_op"}, {"op": "tvm_op"}],
            "attrs": {"dltype": ["list_str", ["float32", inner, "float32"]]},
        }


class _Target:
    def __init__(self, kind: str, text: str) -> None:
        self.kind, self._text = SimpleNamespace(name=kind), text

    def __str__(self) -> str:
        return self._text


def in_precision(content: bytes, precision: str) -> bytes:
    """An ONNX file, with FP16 weights where that is asked for; in- and outputs stay FP32."""
    if precision != "fp16":
        return content
    import onnx

    from retinaface.export.conversion import to_fp16

    return to_fp16(onnx.load_from_string(content), keep_io_types=True).SerializeToString()
