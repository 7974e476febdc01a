"""Read and change an ONNX graph: axes, operators, outputs; imports onnx, but no torch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import numpy_helper

from retinaface.export.options import Axis
from retinaface.network.config import OUTPUT_NAMES


def set_axes(model: onnx.ModelProto, axes: dict[str, tuple[Axis, ...]]) -> None:
    """Replace the axes that an exporter inferred (`s14`, `Concatloc_dim_1`, formulas).

    Only declarations change, not the computation; the checker verifies them against the graph.
    """
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        for dim, axis in zip(dims, axes.get(value.name, ()), strict=False):
            if isinstance(axis, int):
                dim.dim_value = axis
            else:
                dim.dim_param = axis


def axes_of(value: onnx.ValueInfoProto) -> tuple[Axis, ...]:
    """Read the axes of an input or output: numbers where fixed, names (or `?`) where free."""
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or "?"
        for d in value.type.tensor_type.shape.dim
    )


def type_name(kind: int) -> str:
    """Name a type of ONNX; a number that is none is given as it is."""
    names: dict[int, str] = {n: name for name, n in onnx.TensorProto.DataType.items()}
    return names.get(kind, f"type {kind}")


def operator_counts(model: onnx.ModelProto) -> dict[str, int]:
    """Count the nodes of each operator, sorted by name."""
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def graph_sha256(model: onnx.ModelProto) -> str:
    """Hash nodes and weights without their names."""
    digest = hashlib.sha256()
    for node in model.graph.node:
        attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
        digest.update(node.op_type.encode())
        digest.update(b"".join(attributes))
    for content in sorted(_content(tensor) for tensor in model.graph.initializer):
        digest.update(content)
    return digest.hexdigest()


def _content(tensor: onnx.TensorProto) -> bytes:
    array = numpy_helper.to_array(tensor)
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


def with_outputs(path: Path, names: Sequence[str]) -> bytes:
    """Make a model in which tensors inside the graph are outputs too.

    Args:
        names: Outputs of nodes.

    Returns:
        The serialised model.

    Raises:
        ValueError: The file has no tensor of a name.
    """
    model = onnx.load(path)
    graph = model.graph
    known = {output for node in graph.node for output in node.output}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{len(unknown)} of {len(names)} names are no tensors of {path}, first {unknown[0]}"
        )
    del graph.value_info[:]  # tools may have left other sizes
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    values = {value.name: value for value in inferred}
    for name in dict.fromkeys(n for n in names if n not in OUTPUT_NAMES):
        # The name alone declares a tensor of unknown type; the runtime infers the rest.
        graph.output.append(values.get(name, onnx.ValueInfoProto(name=name)))
    serialized: bytes = model.SerializeToString()
    return serialized


def opset_of(model: onnx.ModelProto) -> int:
    """Read the version of ONNX's own operators."""
    return int(next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")))
