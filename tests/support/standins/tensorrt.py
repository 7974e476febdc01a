"""A stand-in for NVIDIA's `tensorrt` and `cuda.bindings`: calls recorded, real outputs on the CPU.

A plan is the ONNX file with its profile; a context runs it with ONNX Runtime on what lies at the
addresses that it was given. What the engine does with the API is thereby shown; what TensorRT's
builder does is not. `nvidia_plugin` puts it in place for a whole run.
"""

from __future__ import annotations

import enum
import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.standins.cuda import FakeCuda
from tests.support.standins.modules import FakeModules

PROFILE_KEY = "stand-in.profile"
_FLOAT16 = 10  # onnx's number of the type


class Severity(enum.IntEnum):
    """`ILogger.Severity`."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class ILogger:
    """`ILogger`: a subclass must call this constructor."""

    Severity = Severity

    def __init__(self) -> None:
        self.is_made = True


class Flag(enum.Enum):
    """`BuilderFlag`, as 11 has it: no FP16."""

    TF32 = 6


class Network:
    """`INetworkDefinition`: the file that was parsed."""

    def __init__(self, flags: int) -> None:
        self.flags, self.model = flags, None

    def get_input(self, index: int) -> Any:
        value = self.model.graph.input[index]
        dims = value.type.tensor_type.shape.dim
        shape = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]
        return SimpleNamespace(name=value.name, shape=tuple(shape))


class Parser:
    """`OnnxParser`."""

    def __init__(self, fake: FakeTensorRt, network: Network) -> None:
        self._fake, self._network = fake, network
        self.num_errors = len(fake.parser_errors)

    def parse_from_file(self, path: str) -> bool:
        import onnx

        self._network.model = onnx.load(path)
        return not self._fake.parser_errors

    def get_error(self, index: int) -> str:
        return self._fake.parser_errors[index]


class Settings:
    """`IBuilderConfig`; TF32 is on by default, as there."""

    def __init__(self) -> None:
        self.flags, self.profiles, self.profiling_verbosity = {Flag.TF32}, [], "LAYER_NAMES_ONLY"

    def clear_flag(self, flag: Flag) -> None:
        self.flags.discard(flag)

    def add_optimization_profile(self, profile: Any) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class OptimizationProfile:
    """`IOptimizationProfile`."""

    def __init__(self) -> None:
        self.shapes: dict[str, list[list[int]]] = {}

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        assert len(shapes) == 3
        self.shapes[name] = [list(shape) for shape in shapes]


class Builder:
    """`Builder`."""

    def __init__(self, fake: FakeTensorRt, logger: Any) -> None:
        assert logger.is_made
        self._fake, self._logger = fake, logger

    def create_network(self, flags: int) -> Network:
        return Network(flags)

    def create_builder_config(self) -> Settings:
        return Settings()

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, settings: Settings) -> bytes | None:
        shapes = settings.profiles[0].shapes if settings.profiles else {}
        self._fake.calls.append(
            ("build", network.flags, sorted(f.name for f in settings.flags), shapes)
        )
        if not self._fake.builds:
            self._logger.log(Severity.WARNING, "no matter")
            self._logger.log(Severity.ERROR, "no kernel\nfits")
            return None
        plan = network.model
        entry = plan.metadata_props.add()
        entry.key, entry.value = PROFILE_KEY, json.dumps([shapes, settings.profiling_verbosity])
        return plan.SerializeToString()


class CudaEngine:
    """`ICudaEngine`: a plan, read back."""

    def __init__(self, fake: FakeTensorRt, plan: bytes) -> None:
        import onnx
        import onnxruntime

        self.fake = fake
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self.model = onnx.load_from_string(plan)
        kept = {entry.key: entry.value for entry in self.model.metadata_props}
        self.shapes, self.verbosity = json.loads(kept.get(PROFILE_KEY, '[{}, "NONE"]'))
        self.ports = [*self.session.get_outputs(), *self.session.get_inputs()]  # in any order
        self.num_io_tensors = len(self.ports)

    def port(self, name: str) -> Any:
        return next(port for port in self.ports if port.name == name)

    def get_tensor_name(self, i: int) -> str:
        return self.ports[i].name

    def get_tensor_mode(self, name: str) -> str:
        return "INPUT" if name in [i.name for i in self.session.get_inputs()] else "OUTPUT"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(a if isinstance(a, int) else -1 for a in self.port(name).shape)

    def get_tensor_dtype(self, name: str) -> str:
        return {"tensor(float)": "float32", "tensor(float16)": "float16"}.get(
            self.port(name).type, "int32"
        )

    def get_tensor_profile_shape(self, name: str, index: int) -> list[list[int]]:
        assert index == 0
        return self.shapes[name]

    def create_execution_context(self) -> Context:
        return Context(self)

    def create_engine_inspector(self) -> Inspector:
        return Inspector(self)

    def layers(self) -> dict[str, Any]:
        names = [node.name or node.output[0] for node in self.model.graph.node]
        if self.verbosity != "DETAILED":
            return {"Layers": names}
        types = {tensor.data_type for tensor in self.model.graph.initializer}
        kind = "Half" if _FLOAT16 in types else "Float"
        outputs = [{"Name": "any", **(self.fake.output_types or {"Format/Datatype": kind})}]
        return {
            "Layers": [
                {"Name": name, "Outputs": outputs, "TacticName": self.fake.tactic} for name in names
            ]
        }


class Inspector:
    """`EngineInspector`."""

    def __init__(self, engine: CudaEngine) -> None:
        self._engine = engine

    def get_engine_information(self, _format: str) -> str:
        return json.dumps(self._engine.layers())


class Context:
    """`IExecutionContext`."""

    def __init__(self, engine: CudaEngine) -> None:
        self._engine, self._addresses = engine, {}
        self._shape: tuple[int, ...] | None = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._engine.fake.calls.append(("set_input_shape", name, shape))
        declared = self._engine.get_tensor_shape(name)
        least, _, most = self._engine.shapes.get(name, [declared] * 3)
        fits = all(lo <= n <= hi for lo, n, hi in zip(least, shape, most, strict=True))
        if fits:
            self._shape = shape
        return fits

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        from retinaface.network.priors import prior_boxes

        declared = self._engine.get_tensor_shape(name)
        if self._engine.get_tensor_mode(name) == "INPUT":
            return self._shape or declared
        if self._shape is None:
            return declared
        inferred = (self._shape[0], len(prior_boxes(*self._shape[2:])))
        pairs = zip(declared[:2], inferred, strict=True)
        return (*(want if axis < 0 else axis for axis, want in pairs), *declared[2:])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return self._engine.fake.takes_addresses

    def execute_async_v3(self, stream: int) -> bool:
        fake = self._engine.fake
        fake.calls.append(("execute_async_v3", stream))
        if fake.executes:
            fake.cuda.streams[stream].append(self._run)
        return fake.executes

    def _run(self) -> None:
        engine, cuda = self._engine, self._engine.fake.cuda
        (image,) = engine.session.get_inputs()
        kind = engine.get_tensor_dtype(image.name)
        feed = cuda.array(self._addresses[image.name], self._shape, kind)
        names = [output.name for output in engine.session.get_outputs()]
        for name, found in zip(names, engine.session.run(names, {image.name: feed}), strict=True):
            kind = engine.get_tensor_dtype(name)
            cuda.array(self._addresses[name], found.shape, kind)[...] = found


class Runtime:
    """`Runtime`."""

    def __init__(self, fake: FakeTensorRt, logger: Any) -> None:
        self._fake, self._logger = fake, logger

    def deserialize_cuda_engine(self, plan: bytes) -> CudaEngine | None:
        if self._fake.loads:
            return CudaEngine(self._fake, plan)
        self._logger.log(Severity.ERROR, "built by another version")
        return None


class FakeTensorRt(FakeModules):
    """The modules, what was called, and what can be made to go wrong.

    Attributes:
        cuda: The stand-in of CUDA.
        parser_errors: What the parser says of every file.
        output_types: Keys of the inspector for every output, in place of the file's own.
        tactic: What it calls the kernel of every layer.
    """

    packages = ("tensorrt", "cuda")

    def __init__(self, *, version: str = "10.16.1.11", lacks: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.cuda = FakeCuda(self.calls)
        self.parser_errors: list[str] = []
        self.builds = self.executes = self.loads = self.takes_addresses = True
        self.output_types: dict[str, str] = {}
        self.tactic = "sm90_xmma_fprop_implicit_gemm_f32f32_f32f32_f32"
        tensorrt = {
            "__version__": version,
            "ILogger": ILogger,
            "Builder": lambda logger: Builder(self, logger),
            "NetworkDefinitionCreationFlag": SimpleNamespace(STRONGLY_TYPED=1),
            "BuilderFlag": Flag,
            "OnnxParser": lambda network, logger: Parser(self, network),
            "Runtime": lambda logger: Runtime(self, logger),
            "TensorIOMode": SimpleNamespace(INPUT="INPUT", OUTPUT="OUTPUT"),
            "LayerInformationFormat": SimpleNamespace(JSON="JSON"),
            "ProfilingVerbosity": SimpleNamespace(DETAILED="DETAILED"),
            "nptype": lambda kind: np.dtype(kind).type,
        }
        parts: dict[str, dict[str, Any]] = {
            "tensorrt": tensorrt,
            "cuda": {"__path__": []},
            "cuda.bindings": {"__path__": []},
            "cuda.bindings.runtime": self.cuda.functions(),
        }
        self.make(parts, lacks)
