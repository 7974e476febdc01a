"""Check that a tensor of an ONNX file is of a known type, with as many values as its axes say."""

from __future__ import annotations

import math

from onnx import TensorProto, helper

from retinaface.errors import excerpt
from retinaface.formats.faults import FormatError

TYPES = frozenset(TensorProto.DataType.values())
# What NumPy takes.
_MAX_AXES = 32
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


def is_external(tensor: TensorProto) -> bool:
    """Tell whether the values of a tensor lie in another file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def check_tensor(tensor: TensorProto) -> None:
    """Check type, axes and number of values; the number not where they lie in another file.

    Raises:
        FormatError: Names what is wrong.
    """
    what = f"tensor {excerpt(tensor.name)}"
    axes = list(tensor.dims[: _MAX_AXES + 1])
    if len(axes) > _MAX_AXES or min(axes, default=0) < 0:
        raise FormatError(f"{what} has the axes {excerpt(axes)}")
    kind = tensor.data_type
    if kind == TensorProto.UNDEFINED or kind not in TYPES:
        raise FormatError(f"{what} is of no known type ({kind})")
    if tensor.HasField("segment"):
        raise FormatError(f"{what} is in segments, which no exporter writes and onnx does not read")
    if is_external(tensor):
        return
    n_values = math.prod(axes)
    if kind == TensorProto.STRING:
        n_found = len(tensor.string_data)
    elif tensor.HasField("raw_data"):
        n_found, n_values = len(tensor.raw_data), n_bytes_of(tensor)
    else:
        field, each = _PACKED.get(kind, ("int32_data", 1))
        n_found = len(getattr(tensor, field))
        n_values = -(-n_values // _SMALL.get(kind, 1)) * each
    if n_found != n_values:
        raise FormatError(
            f"{what} has the axes {excerpt(axes)}, expected {n_values} values or "
            f"bytes for them, got {n_found}"
        )


def n_bytes_of(tensor: TensorProto) -> int:
    """Count the bytes that the values of a tensor take, by its axes and its type of numbers."""
    n_values = int(math.prod(tensor.dims))
    if (each := _SMALL.get(tensor.data_type)) is not None:
        return -(-n_values // each)
    return n_values * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
