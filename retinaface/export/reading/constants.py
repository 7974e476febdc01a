"""Read the constants of an ONNX graph as real numbers, of which a few bytes may stand for many."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from retinaface.formats.faults import FormatError
from retinaface.typing import FloatArray

# Inputs of a quantised convolution, before its bias.
N_OF_QUANTISED = 8
# Types of ONNX that hold texts or complex numbers.
_NO_NUMBERS = {8, 14, 15}
# Values of all constants, 8 bytes each here, and of what quantised ones stand for. This network has
# 0.4 million.
_MAX_VALUES = 2**25


def dequantised(name: str) -> str:
    """Name the real numbers that the quantised weights or bias of a `QLinearConv` stand for."""
    return f"{name} dequantised"


def constants_of(graph: onnx.GraphProto) -> dict[str, FloatArray]:
    """Read initializers and Constant nodes as float64, through Identity and Cast nodes too.

    Quantised ones also as the real numbers that they stand for; see `dequantised`.

    Raises:
        FormatError: They are too many.
    """
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:  # sorted: a node comes after its inputs
        if node.op_type == "Constant":
            values = [a.t for a in node.attribute if a.name == "value"]
            tensors.update(zip(node.output, values, strict=False))
        elif node.op_type in ("Identity", "Cast") and node.input and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    # One array for a tensor of several names.
    distinct = {id(t): t for t in tensors.values() if t.data_type not in _NO_NUMBERS}
    _check_size(sum(math.prod(tensor.dims) for tensor in distinct.values()))
    arrays: dict[int, FloatArray] = {
        key: numpy_helper.to_array(tensor).astype(np.float64) for key, tensor in distinct.items()
    }
    found: dict[str, FloatArray] = {
        name: arrays[id(t)] for name, t in tensors.items() if id(t) in arrays
    }
    found.update(dict(_real_numbers(graph, found)))
    return found


def _check_size(n_values: int) -> None:
    if n_values > _MAX_VALUES:
        raise FormatError(f"it has {n_values} weights, and at most {_MAX_VALUES} are compared")


def _real_numbers(
    graph: onnx.GraphProto, constants: dict[str, FloatArray]
) -> Iterator[tuple[str, FloatArray]]:
    """Compute from quantised constants the real numbers that they stand for."""
    n_values = 0
    for node in graph.node:
        inputs = [*node.input, "", "", ""]  # those that are left out have no name
        if node.op_type == "DequantizeLinear" and all(n in constants for n in inputs[:2]):
            if inputs[2] and inputs[2] not in constants:
                continue
            zero = constants[inputs[2]] if inputs[2] else np.zeros(1)
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            values = constants[inputs[0]]
            _check_size(n_values := n_values + values.size)
            yield node.output[0], _real(values, constants[inputs[1]], zero, axis)
        elif node.op_type == "QLinearConv" and len(node.input) >= N_OF_QUANTISED:
            if not all(n in constants for n in (*inputs[3:6], inputs[1])):
                continue
            values, scale, zero = (constants[n] for n in inputs[3:6])
            _check_size(n_values := n_values + values.size)
            yield dequantised(inputs[3]), _real(values, scale, zero, 0)
            if inputs[8] in constants and constants[inputs[1]].size == 1:
                step = constants[inputs[1]].reshape(()) * scale
                yield dequantised(inputs[8]), _real(constants[inputs[8]], step, np.zeros(1), 0)


def _real(values: FloatArray, scale: FloatArray, zero: FloatArray, axis: int) -> FloatArray:
    """Compute (values - zero) * scale; both of one number, or one for each index of the axis."""
    shape = [1] * values.ndim
    if values.ndim and -values.ndim <= axis < values.ndim:
        shape[axis] = -1
    per_index = values.shape[axis] if -1 in shape else 1
    if any(x.size not in (1, per_index) for x in (zero, scale)):
        return np.full(values.shape, np.nan)  # matches no layer
    spread = [x.reshape(shape) if x.size > 1 else x.reshape(()) for x in (zero, scale)]
    return np.asarray((values - spread[0]) * spread[1])
