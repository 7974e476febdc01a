"""Find ixRT, cut an ONNX file at its nine heads, and build plans from it.

The assumptions about ixRT come from the vendor's scripts for this network
(Deep-Spark/DeepSparkInference, `models/cv/object_detection/retinaface/ixrt`: `build_engine.py`,
`common.py`, `inference.py`); docs/board-evidence.md gives each call and its source. Its module has
the name of NVIDIA's, `tensorrt`, or its own, `ixrt`. Memory on the device is CUDA's, through
`cuda-python`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from pathlib import Path
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build, refusing
from retinaface.engines.iluvatar.board import WHEELS, is_ixrt
from retinaface.engines.iluvatar.ixrt_tensors import import_cuda
from retinaface.engines.importing import importing
from retinaface.engines.sources import Source
from retinaface.environment import package_versions, version_of
from retinaface.errors import EngineUnavailable
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.temporaries import scratch_dir

N_HEADS = 9
_LOADS = ("Logger", "Runtime", "nptype")
_BUILDS = ("Builder", "OnnxParser", "BuilderFlag", "NetworkDefinitionCreationFlag")
# Operators between a head's convolution and an output of the network.
_LAYOUT_OPS = ("Softmax", "Concat", "Reshape", "Transpose", "Flatten", "Identity", "Cast")


def import_ixrt() -> Any:
    """Import the module `tensorrt`, from any maker, or else ixRT's own name.

    Raises:
        EngineUnavailable: Neither can be imported.
    """
    with importing("ixrt engines need ixRT, but its module tensorrt", WHEELS):
        try:
            return importlib.import_module("tensorrt")
        except ModuleNotFoundError:
            with contextlib.suppress(ModuleNotFoundError):
                return importlib.import_module("ixrt")
            raise  # the usual name's error


def find_ixrt(spec: EngineSpec, *, builds: bool) -> tuple[Any, Any, Any]:
    """Import ixRT and cuda-python, and check that ixRT is the vendor's.

    Args:
        builds: Whether an engine will be built, not only loaded.

    Returns:
        `tensorrt`, CUDA's driver, CUDA's runtime.

    Raises:
        EngineUnavailable: The module is NVIDIA's TensorRT, or a part is missing.
    """
    ixrt = import_ixrt()
    version = version_of(ixrt)
    if not is_ixrt(ixrt):
        raise EngineUnavailable(
            f"{spec.name} needs ixRT, but the module tensorrt {version} here is not the vendor's "
            "(no corex in its version, no package ixrt, no tensorrt.deploy, no libixrt_plugin.so "
            f"beside it); {WHEELS}, in an environment without NVIDIA's tensorrt"
        )
    wanted = (*_LOADS, *_BUILDS) if builds else _LOADS
    if lacking := [name for name in wanted if not hasattr(ixrt, name)]:
        raise EngineUnavailable(
            f"{spec.name}: tensorrt {version} here lacks {', '.join(lacking)}; {WHEELS}"
        )
    cuda, cudart = import_cuda(spec.name, f"{WHEELS}, the vendor's cuda_python too")
    return ixrt, cuda, cudart


def built_plan(spec: EngineSpec, ixrt: Any, source: Source, batch: int) -> Path:
    """Build a plan from ONNX, or find it in the cache.

    Args:
        source: ONNX file with FP32 weights.
        batch: Images in every call.

    Raises:
        EngineUnavailable: The build fails.
    """
    key = {
        "batch": batch,
        "ixrt": version_of(ixrt),
        "packages": package_versions(("ixrt", "onnx")),
        "code": "".join(inspect.getsource(part) for part in (_plan, _parse, with_heads)),
    }

    def build(path: Path) -> None:
        with refusing(f"{spec.name}: ixRT {version_of(ixrt)} cannot build {source.path}"):
            path.write_bytes(_plan(ixrt, source, batch, spec.precision))

    return cached_build(spec, source.path, ".engine", key, build)


def _plan(ixrt: Any, source: Source, batch: int, precision: str) -> bytes:
    """Build a serialized engine with a fixed batch size."""
    logger = ixrt.Logger(ixrt.Logger.WARNING)
    builder = ixrt.Builder(logger)
    explicit = 1 << int(ixrt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    network = builder.create_network(explicit)
    settings = builder.create_builder_config()
    _parse(ixrt, network, logger, source, batch)
    if precision == "fp16":
        settings.set_flag(ixrt.BuilderFlag.FP16)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise RuntimeError("build_serialized_network returned nothing; its log gives the reason")
    return bytes(plan)


def _parse(ixrt: Any, network: Any, logger: Any, source: Source, batch: int) -> None:
    """Fill a network from a file, cut at nine heads, with a fixed batch size."""
    import onnx

    parser = ixrt.OnnxParser(network, logger)
    with scratch_dir() as folder:
        fixed = folder / source.path.name
        onnx.save(with_heads(onnx.load(source.path), batch), fixed)
        if parser.parse_from_file(str(fixed)):
            return
    errors = [str(parser.get_error(i)) for i in range(getattr(parser, "num_errors", 0))]
    raise RuntimeError("; ".join(errors) or "the parser rejected it and gave no reason")


def with_heads(model: Any, batch: int) -> Any:
    """Cut the network after its nine last convolutions, as the vendor's export for ixRT does.

    Softmax and concatenation then happen outside the graph. If other operators lie between the
    convolutions and an output, the outputs stay as they are.

    Args:
        model: ONNX model with outputs `loc`, `conf`, `landmarks`, or with nine heads already.
        batch: Size of the first axis.
    """
    from onnx.shape_inference import infer_shapes
    from onnx.utils import Extractor

    from retinaface.export.onnx_graph import axes_of, set_axes

    image = model.graph.input[0]
    set_axes(model, {image.name: (batch, *axes_of(image)[1:])})
    for value in model.graph.output:
        set_axes(model, {value.name: (batch, *axes_of(value)[1:])})
    del model.graph.value_info[:]  # they declare the free batch size
    if len(model.graph.output) != len(OUTPUT_NAMES):
        return model
    heads = [_heads_of(model, name) for name in OUTPUT_NAMES]
    if any(len(names) != N_HEADS // len(OUTPUT_NAMES) for names in heads):
        return model
    by_level = [name for level in zip(*heads, strict=True) for name in level]
    return Extractor(infer_shapes(model, data_prop=True)).extract_model([INPUT_NAME], by_level)


def _heads_of(model: Any, output: str) -> list[str]:
    """Find the outputs of the convolutions that make up an output, in order."""
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers.get(output)
    if node is None or node.op_type == "Conv":
        return [output] if node is not None else []
    if node.op_type not in _LAYOUT_OPS:
        return []
    parts = node.input if node.op_type == "Concat" else node.input[:1]
    return [head for part in parts for head in _heads_of(model, part)]
