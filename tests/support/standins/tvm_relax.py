"""A stand-in for a TVM of the vendor's that has Relax and no Relay; see `standins.tvm`."""

from __future__ import annotations

from typing import Any

from tests.support.standins.tvm import Executor, FakeTvm, Library, NDArray


class RelaxLibrary(Library):
    """What `relax.build` gives: no graph executor can open it."""

    def __getitem__(self, name: str) -> Any:
        raise AttributeError(f"Module has no function '{name}'")


class VirtualMachine:
    """`relax.VirtualMachine(library, device)`, by its calls that keep state."""

    def __init__(self, tvm: FakeRelaxTvm, library: RelaxLibrary, device: Any) -> None:
        self._tvm, self._shape = tvm, tuple(library.facts["shape"])
        self._inner = Executor(tvm, library._onnx, library.facts, device)
        tvm.calls.append(("VirtualMachine", str(device)))

    def set_input(self, function: str, value: NDArray) -> None:
        if value.shape != self._shape:
            raise ValueError(f"match_cast of {function}: expected {self._shape}, got {value.shape}")
        self._inner.set_input("input", value)

    def invoke_stateful(self, function: str) -> None:
        assert function == "main"
        self._inner.run()

    def get_outputs(self, function: str) -> tuple[NDArray, ...]:
        assert function == "main"
        return tuple(self._inner.get_output(i) for i in range(self._inner.get_num_outputs()))

    def time_evaluator(self, name: str, device: Any, number: int, repeat: int) -> Any:
        assert name == "invoke_stateful"
        timed = self._inner.time_evaluator("run", device, number=number, repeat=repeat)
        return lambda function: timed()


class FakeRelaxTvm(FakeTvm):
    """The vendor's TVM without `tvm.relay` and `tvm.contrib.graph_executor`."""

    def __init__(self) -> None:
        super().__init__(
            lacks=("tvm.relay", "tvm.relay.import_model", "tvm.contrib.graph_executor")
        )

    def _parts(self) -> dict[str, dict[str, Any]]:
        return {
            **super()._parts(),
            "tvm.relax": {
                "__path__": [],
                "build": self._relax_build,
                "VirtualMachine": lambda library, device: VirtualMachine(self, library, device),
            },
            "tvm.relax.frontend": {"__path__": []},
            "tvm.relax.frontend.onnx": {"from_onnx": self._relax_from_onnx},
        }

    def _relax_from_onnx(self, model: Any, *, shape_dict: dict[str, Any]) -> Any:
        self.calls.append(("relax.from_onnx", model.graph.input[0].name, shape_dict))
        return model.SerializeToString(), shape_dict, "fp32"

    def _relax_build(self, module: Any, *, target: Any, precision: str) -> RelaxLibrary:
        self.calls.append(("relax.build", str(target), precision))
        built = self._built(module, precision)
        return RelaxLibrary(self, built._onnx, **built.facts)

    def _load_module(self, path: str) -> RelaxLibrary:
        loaded = super()._load_module(path)
        return RelaxLibrary(self, loaded._onnx, **loaded.facts)
