"""Convert ONNX to ncnn's files with pnnx, for one input size and one image at a time."""

from __future__ import annotations

import importlib.util
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, numpy_helper

from retinaface.children.start import run
from retinaface.errors import EngineUnavailable, first_line
from retinaface.export.onnx_read import read_graph
from retinaface.formats.faults import FormatError

_TIMEOUT_S = 120
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def converter_version() -> str:
    """Read the version of the converter; `unknown` if it is not installed as a package."""
    try:
        return metadata.version("pnnx")
    except metadata.PackageNotFoundError:
        return "unknown"


def convert(model: Path, folder: Path, *, height_px: int, width_px: int) -> tuple[Path, Path]:
    """Convert an ONNX file.

    Args:
        model: ONNX file, FP32 or FP16, with a batch of one or a free batch.
        folder: Takes the files; the converter leaves others there too.
        height_px: Height of every input.
        width_px: Width of every input.

    Returns:
        The graph (`.param`) and the weights (`.bin`).

    Raises:
        EngineUnavailable: The file cannot be read, or the converter is missing or failed.
    """
    try:
        proto = read_graph(model)
    except (FormatError, OSError) as error:
        raise EngineUnavailable(
            f"ncnn cannot load {model}: {first_line(error)}; check the file"
        ) from error
    widen(proto)
    onnx.save(proto, folder / "model.onnx")
    command = [
        str(_converter()),
        "model.onnx",
        f"inputshape=[1,3,{height_px},{width_px}]f32",
        # Weights stay in FP32, which represents FP16 exactly: in FP16 files pnnx 20261020 makes
        # each below 2^-14 a zero (606 of this network's 419 824; the outputs move 17 times as far).
        "fp16=0",
    ]
    try:
        result = run(command, cwd=folder, timeout_s=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(
            f"pnnx {converter_version()} cannot convert {model}: {error}; install it again"
        ) from error
    files = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    if result.returncode or not all(file.is_file() for file in files):
        last = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise EngineUnavailable(
            f"pnnx {converter_version()} cannot convert {model}: exit status "
            f"{result.returncode} ({last}); export at another opset"
        )
    return files


def _converter() -> Path:
    """Find the converter's program without importing its package, which would import torch."""
    found = importlib.util.find_spec("pnnx")
    for folder in (found and found.submodule_search_locations) or ():
        for name in ("pnnx", "pnnx.exe"):
            if (program := Path(folder) / name).is_file():
                return program
    raise EngineUnavailable(
        "ncnn needs files that pnnx makes, but pnnx is not installed; pip install --no-deps pnnx"
    )


def layer_kinds(param: Path) -> list[str]:
    """List the kinds of the layers of a graph file, in the order of execution."""
    lines = param.read_text().splitlines()[2:]  # a magic number, and two counts
    return [line.split()[0] for line in lines if line.strip()]


def widen(model: Any) -> None:
    """Turn an FP16 graph into an FP32 graph with the same weights, in place.

    The converter leaves an FP16 graph unfused, with casts that ncnn lacks. ncnn's own options make
    it round.

    Args:
        model: `onnx.ModelProto`; an FP32 one stays as it is.
    """
    graph = model.graph
    constants = [a.t for node in graph.node for a in node.attribute if a.HasField("t")]
    tensors = [t for t in (*graph.initializer, *constants) if t.data_type == TensorProto.FLOAT16]
    if not tensors:
        return
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info)}
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    types |= {value.name: value.type.tensor_type.elem_type for value in inferred}
    for tensor in tensors:
        array = numpy_helper.to_array(tensor).astype("float32")
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    _drop_casts(graph, {name for name, kind in types.items() if kind in _FLOATS})
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT


def _drop_casts(graph: Any, floats: set[str]) -> None:
    """Remove casts from one floating type to the other; the outputs keep their names."""
    outputs = {value.name for value in graph.output}
    renamed: dict[str, str] = {}
    for node in list(graph.node):
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        if node.op_type == "Cast" and node.attribute[0].i in _FLOATS:
            if node.input[0] not in floats or node.output[0] in outputs:
                node.attribute[0].i = TensorProto.FLOAT
                continue
            renamed[node.output[0]] = node.input[0]
            graph.node.remove(node)
    for cast in [n for n in graph.node if n.op_type == "Cast" and n.output[0] in outputs]:
        if cast.input[0] not in floats:
            continue
        for node in graph.node:  # the node before the cast gives the output
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == cast.input[0] and node is not cast:
                        names[i] = cast.output[0]
        graph.node.remove(cast)
