"""Read an ONNX file of anybody: what it says of itself is checked once, before it is relied on.

A graph that passes has nodes whose inputs exist, and tensors of known types that hold as many
values as their axes say; so NumPy can take each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, TensorProto, helper

from retinaface.errors import first_line
from retinaface.formats.faults import FormatError

# Protobuf itself takes no more.
MAX_MODEL_BYTES = 2 * 2**30 - 1
# Graphs inside nodes; those of exporters are one or two deep.
_MAX_DEPTH = 8
_MAX_NESTED = 8 * _MAX_DEPTH
_NO_TEXT = "a name in it is no UTF-8"
_STRINGS = TensorProto.STRING
# Where each type's values stand when they are not raw, and how many of them a value takes.
_PACKED: dict[int, tuple[str, int]] = {
    TensorProto.FLOAT: ("float_data", 1),
    TensorProto.DOUBLE: ("double_data", 1),
    TensorProto.INT64: ("int64_data", 1),
    TensorProto.UINT64: ("uint64_data", 1),
    TensorProto.UINT32: ("uint64_data", 1),
    TensorProto.COMPLEX64: ("float_data", 2),
    TensorProto.COMPLEX128: ("double_data", 2),
}
# Types of which two or more values share a byte.
_SMALL: dict[int, int] = {
    getattr(TensorProto, name): n
    for name, n in {"INT4": 2, "UINT4": 2, "FLOAT4E2M1": 2, "INT2": 4, "UINT2": 4}.items()
    if hasattr(TensorProto, name)
}


def read_graph(path: Path, *, with_weights: bool = True) -> onnx.ModelProto:
    """Read a file and check its structure.

    Args:
        path: Of the file.
        with_weights: Whether to read weights in other files too.

    Raises:
        FormatError: It is too large, no ONNX, or its graph contradicts itself.
        OSError: It, or a file of its weights, cannot be read.
    """
    if (size := path.stat().st_size) > MAX_MODEL_BYTES:
        raise FormatError(f"it has {size} bytes, and at most {MAX_MODEL_BYTES} are read")
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, UnicodeDecodeError, ValueError) as error:
        raise FormatError(f"it is no whole ONNX file ({first_line(error)})") from error
    try:
        _touch(model)
    except UnicodeDecodeError as error:  # texts are decoded when they are asked for
        raise FormatError(_NO_TEXT) from error
    if not model.graph.node:
        raise FormatError("it is no ONNX file with a graph")
    check_graph(model.graph)
    if with_weights and any(is_external(tensor) for tensor in tensors_of(model.graph)):
        try:
            onnx.load_external_data_for_model(model, str(path.parent))
        except (onnx.checker.ValidationError, ValueError, OverflowError) as error:
            raise FormatError(
                f"its weights are in another file, which cannot be read ({first_line(error)}); "
                "copy that file beside it, under the name that it had when both were written"
            ) from error
        for tensor in tensors_of(model.graph):
            _check_tensor(tensor)
    return model


def _touch(message: Message, depth: int = 0) -> None:
    """Ask for every text of a message and of those inside it."""
    if depth > _MAX_NESTED:
        raise FormatError(f"messages are inside each other, and at most {_MAX_NESTED} deep is read")
    for field, value in message.ListFields():
        values = [value] if isinstance(value, str | bytes | Message) else value
        if field.message_type is not None:
            for one in values:
                _touch(one, depth + 1)
        # A text that is no UTF-8 comes as bytes, or is refused when it is asked for.
        elif field.type == field.TYPE_STRING and any(isinstance(one, bytes) for one in values):
            raise FormatError(_NO_TEXT)


def is_external(tensor: TensorProto) -> bool:
    """Tell whether the values of a tensor lie in another file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def tensors_of(graph: onnx.GraphProto, depth: int = 0) -> Iterator[TensorProto]:
    """List the constants of a graph and of those inside its nodes."""
    if depth > _MAX_DEPTH:
        raise FormatError(f"graphs are inside each other, and at most {_MAX_DEPTH} deep is read")
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from tensors_of(inner, depth + 1)


def check_graph(graph: onnx.GraphProto) -> None:
    """Check constants, types of attributes, and that each node's inputs come before it.

    Raises:
        FormatError: Names what is wrong.
    """
    for tensor in tensors_of(graph):
        _check_tensor(tensor)
    known = {"", *(v.name for v in graph.input), *(t.name for t in graph.initializer)}
    known |= {t.values.name for t in graph.sparse_initializer}
    for node in graph.node:
        what = f"node {node.name or node.output[:1]} ({node.op_type})"
        if not any(node.output):
            raise FormatError(f"{what} gives nothing")
        if missing := [name for name in node.input if name not in known]:
            raise FormatError(f"{what} takes {missing[0]!r}, which nothing before it gives")
        if any(name in known for name in node.output if name):
            raise FormatError(f"{what} gives a name that is given before it")
        known.update(node.output)
        for attribute in node.attribute:
            if attribute.type not in AttributeProto.AttributeType.values():
                raise FormatError(f"{what} has the attribute {attribute.name!r} of no known type")
    if missing := [value.name for value in graph.output if value.name not in known]:
        raise FormatError(f"its output {missing[0]!r} is given by no node")


def _check_tensor(tensor: TensorProto) -> None:
    what = f"tensor {tensor.name!r}"
    if min(tensor.dims, default=0) < 0:
        raise FormatError(f"{what} has the axes {list(tensor.dims)}")
    kind = tensor.data_type
    if kind == TensorProto.UNDEFINED or kind not in TensorProto.DataType.values():
        raise FormatError(f"{what} is of no known type ({kind})")
    if is_external(tensor):
        return
    n_values = math.prod(tensor.dims)
    if kind == _STRINGS:
        n_found = len(tensor.string_data)
    elif tensor.HasField("raw_data"):
        n_found, n_values = len(tensor.raw_data), _n_bytes(kind, n_values)
    else:
        field, each = _PACKED.get(kind, ("int32_data", 1))
        n_found = len(getattr(tensor, field))
        n_values = -(-n_values // _SMALL.get(kind, 1)) * each
    if n_found != n_values:
        raise FormatError(
            f"{what} has the axes {list(tensor.dims)}, expected {n_values} values or bytes for "
            f"them, got {n_found}"
        )


def _n_bytes(kind: int, n_values: int) -> int:
    if (each := _SMALL.get(kind)) is not None:
        return -(-n_values // each)
    return n_values * int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
