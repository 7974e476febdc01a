"""Engines by name. No runtime is imported before one of its engines is opened."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from retinaface.engines.base import Engine, EngineSpec, RawOutputs
from retinaface.errors import EngineUnavailable, RetinaFaceError
from retinaface.typing import Precision

if TYPE_CHECKING:
    from retinaface.engines.remote import RemoteEngine

__all__ = [
    "BUILTIN",
    "Engine",
    "EngineSpec",
    "RawOutputs",
    "build_engine",
    "engine_names",
    "open_engine",
    "open_remote_engine",
]

ENTRY_POINT_GROUP = "retinaface.engines"
Factory = Callable[[EngineSpec], Engine]


@dataclass(frozen=True)
class EngineEntry:
    """Where an engine's factory is, and what a specification for it says.

    Attributes:
        factory: `package.module:name`, imported when the engine is opened.
        device: Where it runs.
        precision: What it computes in.
        loads_onnx: Whether it loads an ONNX file; else it builds the network from weights.
        is_default: Whether a run that names no engine tests it.
        source_precision: Of the ONNX file that is exported for it; None for its own. Where the
            runtime makes FP16 by itself, it is given FP32.
        builds_files: Whether its builds are files, so that it loads one that is given.
        is_slow: Whether an image takes it over a second: AP over a data set, timings are left out.
    """

    factory: str
    device: str
    precision: Precision
    loads_onnx: bool = True
    is_default: bool = False
    source_precision: Precision | None = None
    builds_files: bool = False
    is_slow: bool = False


def _builder(factory: str, device: str, precision: Precision) -> EngineEntry:
    """A runtime that builds files from FP32 ONNX, and makes FP16 of it by itself."""
    return EngineEntry(factory, device, precision, source_precision="fp32", builds_files=True)


_ORT = "retinaface.engines.onnxruntime:OnnxRuntimeEngine"
_ORT_CUDA = "retinaface.engines.onnxruntime_device:OnnxRuntimeDeviceEngine"
_ORT_TENSORRT = "retinaface.engines.onnxruntime_tensorrt:OnnxRuntimeTensorRtEngine"
_TENSORRT = "retinaface.engines.tensorrt:TensorRtEngine"
_TORCH = "retinaface.engines.torch:TorchEngine"
_TORCH_CUDA = "retinaface.engines.torch:TorchDeviceEngine"
_COMPILED = "retinaface.engines.torch_compile:CompiledTorchEngine"
_COMPILED_CUDA = "retinaface.engines.torch_compile:CompiledTorchDeviceEngine"
_NCNN = "retinaface.engines.ncnn:NcnnEngine"
_OPENVINO = "retinaface.engines.openvino:OpenVinoEngine"
_TVM = "retinaface.engines.tvm:TvmEngine"
_IGIE = "retinaface.engines.igie:IgieEngine"
_IXRT = "retinaface.engines.ixrt:IxrtEngine"
_OPENCV = "retinaface.engines.opencv:OpenCvEngine"
_ONNX = "retinaface.engines.onnx_reference:OnnxReferenceEngine"
BUILTIN: Mapping[str, EngineEntry] = MappingProxyType(
    {
        "torch-cpu-fp32": EngineEntry(_TORCH, "cpu", "fp32", loads_onnx=False),
        "torch-cpu-fp16": EngineEntry(_TORCH, "cpu", "fp16", loads_onnx=False),
        "torch-cuda-fp32": EngineEntry(_TORCH_CUDA, "cuda", "fp32", loads_onnx=False),
        "torch-cuda-fp16": EngineEntry(_TORCH_CUDA, "cuda", "fp16", loads_onnx=False),
        "torch-compile-cpu-fp32": EngineEntry(_COMPILED, "cpu", "fp32", loads_onnx=False),
        "torch-compile-cpu-fp16": EngineEntry(_COMPILED, "cpu", "fp16", loads_onnx=False),
        "torch-compile-cuda-fp32": EngineEntry(_COMPILED_CUDA, "cuda", "fp32", loads_onnx=False),
        "torch-compile-cuda-fp16": EngineEntry(_COMPILED_CUDA, "cuda", "fp16", loads_onnx=False),
        "ort-cpu-fp32": EngineEntry(_ORT, "cpu", "fp32", is_default=True),
        "ort-cpu-fp16": EngineEntry(_ORT, "cpu", "fp16", is_default=True),
        "ort-cuda-fp32": EngineEntry(_ORT_CUDA, "cuda", "fp32", is_default=True),
        "ort-cuda-fp16": EngineEntry(_ORT_CUDA, "cuda", "fp16", is_default=True),
        "ort-tensorrt-fp32": EngineEntry(_ORT_TENSORRT, "cuda", "fp32"),
        "ort-tensorrt-fp16": EngineEntry(_ORT_TENSORRT, "cuda", "fp16"),
        "tensorrt-cuda-fp32": EngineEntry(_TENSORRT, "cuda", "fp32", builds_files=True),
        # From the FP16 file: TensorRT 11 takes types from the file alone, and 10 can.
        "tensorrt-cuda-fp16": EngineEntry(_TENSORRT, "cuda", "fp16", builds_files=True),
        "openvino-cpu-fp32": EngineEntry(_OPENVINO, "cpu", "fp32"),
        "openvino-cpu-fp16": EngineEntry(_OPENVINO, "cpu", "fp16"),
        "openvino-gpu-fp32": EngineEntry(_OPENVINO, "gpu", "fp32"),
        "openvino-gpu-fp16": EngineEntry(_OPENVINO, "gpu", "fp16"),
        "openvino-npu-fp16": EngineEntry(_OPENVINO, "npu", "fp16"),
        "openvino-auto-fp32": EngineEntry(_OPENVINO, "auto", "fp32"),
        "ncnn-cpu-fp32": EngineEntry(_NCNN, "cpu", "fp32"),
        "ncnn-cpu-fp16": EngineEntry(_NCNN, "cpu", "fp16"),
        "tvm-llvm-fp32": _builder(_TVM, "cpu", "fp32"),
        "igie-iluvatar-fp32": _builder(_IGIE, "iluvatar", "fp32"),
        "igie-iluvatar-fp16": _builder(_IGIE, "iluvatar", "fp16"),
        "ixrt-iluvatar-fp16": _builder(_IXRT, "iluvatar", "fp16"),
        "opencv-cpu-fp32": EngineEntry(_OPENCV, "cpu", "fp32"),
        "onnx-reference-fp32": EngineEntry(_ONNX, "cpu", "fp32"),
        "onnx-reference-fp16": EngineEntry(_ONNX, "cpu", "fp16", is_slow=True),
    }
)


def engine_names() -> list[str]:
    """Built-in engines and those that installed packages add."""
    return [*BUILTIN, *sorted(metadata.entry_points(group=ENTRY_POINT_GROUP).names)]


def find_engine(name: str) -> EngineEntry:
    """Look an engine up: built-in, entry point, or `package.module:factory`.

    Device and precision of a third party's engine are read from its name, where it has the form
    `<runtime>-<device>-<precision>`, or `package.module:<runtime>_<device>_<precision>`; else it
    is taken for FP32 on the CPU.

    Raises:
        EngineUnavailable: No such engine.
    """
    if name in BUILTIN:
        return BUILTIN[name]
    parts = name.rpartition(":")[2].replace("_", "-").split("-")
    precision: Precision = "fp16" if parts[-1] == "fp16" else "fp32"
    device = parts[-2] if len(parts) >= 3 and parts[-1] in ("fp32", "fp16") else "cpu"
    # Whether a third party's builds are files is seen when it is given one: see `build_engine`.
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        return EngineEntry(point.value, device, precision, builds_files=True)
    if ":" in name:
        return EngineEntry(name, device, precision, builds_files=True)
    raise EngineUnavailable(
        f"unknown engine {name!r}; expected one of: {', '.join(engine_names())}, "
        "or package.module:factory"
    )


def open_engine(
    name: str,
    *,
    model: Path | None = None,
    engine_file: Path | None = None,
    build: int = 1,
    weights: str | Path | None = None,
    max_batch: int = 32,
    input_size_px: tuple[int, int] | None = (320, 320),
    threads: int | None = None,
    shares_cpus: bool = False,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """Build an engine.

    Args:
        name: A built-in name, an entry point, or `package.module:factory`.
        model: The file to load, or to build from. Without one, an engine that loads ONNX gets an
            export of `weights`, made once and kept in the cache.
        engine_file: A prebuilt engine to load; then nothing is exported or built.
        build: Which build: another number is built anew, where builds are files.
        weights: Checkpoint, `embedded`, or None for the published checkpoint.
        max_batch: Most images in one call.
        input_size_px: Height and width of every input; None where they follow the image.
        threads: Of the runtime, inside one call.
        shares_cpus: Other threads work while it runs, as in `detect`; see `EngineSpec`.
        options: Further settings, each runtime's own.

    Returns:
        The engine, to be used in a `with` statement.

    Raises:
        EngineUnavailable: Unknown, not installed, cannot run here, or cannot run this model.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made.
    """
    entry = find_engine(name)
    import_factory(name, entry.factory)  # before an export is made for nothing
    spec = _spec(
        name,
        entry,
        model=model,
        engine_file=engine_file,
        build=build,
        weights=weights,
        max_batch=max_batch,
        input_size_px=input_size_px,
        threads=threads,
        shares_cpus=shares_cpus,
        options=options,
    )
    return build_engine(spec, entry.factory)


def open_remote_engine(python: Path, name: str, **settings: Any) -> RemoteEngine:
    """Build an engine in another Python environment; see `open_engine`.

    Args:
        python: The environment, or its interpreter. It needs NumPy and the engine's runtime.
        name: As for `open_engine`; a third party's entry point must be installed here too.
        **settings: Those of `open_engine`. A file that is made is made here.

    Raises:
        EngineUnavailable: As `open_engine`; or there is no such Python, or its process ended.
    """
    from retinaface.engines.remote import RemoteEngine, interpreter

    entry = find_engine(name)
    interpreter(python)
    return RemoteEngine(_spec(name, entry, **settings), entry.factory, python)


def _spec(
    name: str,
    entry: EngineEntry,
    *,
    model: Path | None = None,
    engine_file: Path | None = None,
    build: int = 1,
    weights: str | Path | None = None,
    max_batch: int = 32,
    input_size_px: tuple[int, int] | None = (320, 320),
    threads: int | None = None,
    shares_cpus: bool = False,
    options: Mapping[str, str] | None = None,
) -> EngineSpec:
    """A whole specification; the file is there, or is made."""
    if model is not None and not model.exists():
        raise EngineUnavailable(f"{name}: model {model} does not exist; check --model")
    if engine_file is not None:
        _check_engine_file(name, entry, engine_file, model)
    elif entry.loads_onnx and model is None:
        model = _exported(name, entry, weights, dynamic_size=input_size_px is None)
    height, width = input_size_px or (None, None)
    return EngineSpec(
        name=name,
        precision=entry.precision,
        device=entry.device,
        model=model,
        engine_file=engine_file,
        build=build,
        weights=weights,
        max_batch=max_batch,
        height_px=height,
        width_px=width,
        threads=threads,
        shares_cpus=shares_cpus,
        options=dict(options or {}),
    )


def _check_engine_file(
    name: str, entry: EngineEntry, engine_file: Path, model: Path | None
) -> None:
    if not entry.builds_files:
        having = [other for other, known in BUILTIN.items() if known.builds_files]
        raise EngineUnavailable(
            f"{name} loads no prebuilt engines, so it cannot run {engine_file}; leave "
            f"--engine-file out, or take one of: {', '.join(having)}"
        )
    if model is not None:
        raise EngineUnavailable(
            f"{name}: both a model to build from ({model}) and a build ({engine_file}) were given; "
            "leave --model or --engine-file out"
        )
    if not engine_file.is_file():
        raise EngineUnavailable(
            f"{name}: engine file {engine_file} does not exist; check --engine-file"
        )


def build_engine(spec: EngineSpec, location: str) -> Engine:
    """Build an engine from a whole specification.

    Args:
        spec: What it is asked to be.
        location: Its factory, `package.module:name`.

    Raises:
        EngineUnavailable: It cannot be imported, or cannot be built.
    """
    factory = import_factory(spec.name, location)
    try:
        engine = factory(spec)
    except RetinaFaceError:
        raise
    except Exception as error:  # a third party's code, or a runtime's
        raise EngineUnavailable(
            f"engine {spec.name} cannot be built: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(engine, Engine):
        raise EngineUnavailable(
            f"engine {spec.name}: {location} gave {type(engine).__name__}, expected a "
            "retinaface.engines.Engine"
        )
    if spec.engine_file is not None and engine.built_file != spec.engine_file:
        engine.close()
        raise EngineUnavailable(
            f"{spec.name} was given the engine file {spec.engine_file} and does not say that it "
            f"runs it (its built_file is {engine.built_file}); leave --engine-file out, or have "
            "the engine load spec.engine_file and set built_file"
        )
    return engine


def import_factory(name: str, location: str) -> Factory:
    """Import an engine's factory.

    Raises:
        EngineUnavailable: It cannot be imported.
    """
    module_name, _, attribute = location.partition(":")
    try:
        return cast(Factory, getattr(importlib.import_module(module_name), attribute))
    except RetinaFaceError:
        raise
    except (Exception, SystemExit) as error:  # importing runs a third party's code
        raise EngineUnavailable(
            f"engine {name}: cannot import {location} ({type(error).__name__}: {error}); "
            "check the name, or install it"
        ) from error


def _exported(
    name: str, entry: EngineEntry, weights: str | Path | None, *, dynamic_size: bool
) -> Path:
    try:
        from retinaface.export_cache import cached_export
    except ImportError as error:
        raise EngineUnavailable(
            f"{name} needs an ONNX file, and making one needs {error.name}, which is not "
            "installed; give --model FILE.onnx, or install the extra 'export'"
        ) from error
    precision = entry.source_precision or entry.precision
    return cached_export(weights, precision=precision, dynamic_size=dynamic_size)
