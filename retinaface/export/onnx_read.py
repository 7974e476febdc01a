"""Read an ONNX file of anybody: what it says of itself is checked once, before it is relied on.

A graph that passes has nodes whose inputs exist, tensors of known types that hold as many values as
their axes say, so that NumPy can take each, and functions whose calls end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto

from retinaface.errors import excerpt, first_line
from retinaface.export.reading.functions import check_functions, graphs_of, nodes_within
from retinaface.export.reading.messages import MESSAGES, ROOT
from retinaface.export.reading.tensors import TYPES, check_tensor, is_external
from retinaface.export.reading.weights import read_weights
from retinaface.formats.faults import FormatError
from retinaface.formats.protobuf import check_message

# Protobuf itself takes no more. Weights in other files may have as much again.
MAX_MODEL_BYTES = 2 * 2**30 - 1
# What 32 bits hold, with which runtimes count. Tools write -1 for a free axis.
_AXES = range(-1, 2**31)

_ATTRIBUTES = frozenset(AttributeProto.AttributeType.values())


def read_graph(path: Path, *, with_weights: bool = True) -> onnx.ModelProto:
    """Read a file and check its structure.

    Args:
        path: Of the file.
        with_weights: Whether to read weights in other files too.

    Raises:
        FormatError: It is too large, no ONNX, or its graph contradicts itself.
        OSError: It cannot be read.
    """
    if (size := path.stat().st_size) > MAX_MODEL_BYTES:
        raise FormatError(f"it has {size} bytes, and at most {MAX_MODEL_BYTES} are read")
    data = path.read_bytes()
    try:
        check_message(data, ROOT, MESSAGES)
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except (FormatError, DecodeError) as error:
        raise FormatError(f"it is no whole ONNX file ({first_line(error)})") from error
    del data  # which may be as large as memory allows
    if not model.graph.node:
        raise FormatError("it is no ONNX file with a graph")
    check_model(model)
    outside = [tensor for tensor in tensors_of(model) if is_external(tensor)]
    if with_weights and outside:
        try:
            read_weights(outside, path.parent, MAX_MODEL_BYTES)
        except (FormatError, OSError) as error:
            raise FormatError(
                f"its weights are in another file, which cannot be read ({first_line(error)}); "
                "copy that file beside it, under the name that it had when both were written"
            ) from error
    return model


def tensors_of(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """List the constants of a model: of its graph, its functions, and of graphs inside nodes."""
    for part in (model.graph, *model.functions):
        nodes = list(nodes_within(part))
        graphs = [graph for node in nodes for graph in graphs_of(node)]
        for graph in (*([part] if isinstance(part, onnx.GraphProto) else ()), *graphs):
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
        for attribute in (attribute for node in nodes for attribute in node.attribute):
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def check_model(model: onnx.ModelProto) -> None:
    """Check constants, types, that a node's inputs come before it, and that functions end.

    Raises:
        FormatError: Names what is wrong.
    """
    check_functions(model)
    for tensor in tensors_of(model):
        check_tensor(tensor)
    _check_graph(model.graph, ())
    for function in model.functions:
        _check_nodes(function.node, set(function.input), function.output, ())


def _check_graph(graph: onnx.GraphProto, outer: Sequence[set[str]]) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        _check_value(value)
    known = {*(v.name for v in graph.input), *(t.name for t in graph.initializer)}
    known |= {t.values.name for t in graph.sparse_initializer}
    _check_nodes(graph.node, known, [value.name for value in graph.output], outer)


def _check_nodes(
    nodes: Iterable[onnx.NodeProto],
    known: set[str],
    outputs: Iterable[str],
    outer: Sequence[set[str]],
) -> None:
    """Check nodes in their order; those of a graph inside a node also see the names outside."""
    scopes = ({""}, known, *outer)
    for node in nodes:
        what = f"node {excerpt(node.name or next(iter(node.output), ''))} ({excerpt(node.op_type)})"
        if not any(node.output):
            raise FormatError(f"{what} gives nothing")
        for name in node.input:
            if not any(name in names for names in scopes):
                raise FormatError(f"{what} takes {excerpt(name)}, which nothing before it gives")
        for attribute in node.attribute:
            if attribute.type not in _ATTRIBUTES:
                raise FormatError(
                    f"{what} has the attribute {excerpt(attribute.name)} of no known type"
                )
        for inner in graphs_of(node):
            _check_graph(inner, scopes)
        for name in filter(None, node.output):
            if name in known:
                raise FormatError(f"{what} gives a name that is given before it")
            known.add(name)
    for name in outputs:
        if not any(name in names for names in scopes):
            raise FormatError(f"its output {excerpt(name)} is given by no node")


def _check_value(value: onnx.ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    if tensor.elem_type not in TYPES:
        raise FormatError(f"{excerpt(value.name)} is of no known type ({tensor.elem_type})")
    axes = [axis.dim_value for axis in tensor.shape.dim]
    if any(n not in _AXES for n in axes):
        raise FormatError(f"{excerpt(value.name)} has the axes {excerpt(axes)}")
