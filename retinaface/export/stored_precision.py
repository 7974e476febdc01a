"""Read from an ONNX graph in which type it keeps the weights of its layers; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import onnx

Stored: TypeAlias = Literal["fp32", "fp16", "int8", "bf16", "fp64"]

_TYPES: dict[int, Stored] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.DOUBLE: "fp64",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.BFLOAT16: "bf16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "int8",
    onnx.TensorProto.INT4: "int8",
    onnx.TensorProto.UINT4: "int8",
}
# Operators with weights, and at which input: those of the standard and ONNX Runtime's.
_WEIGHT_INPUT = {
    "Conv": 1,
    "ConvTranspose": 1,
    "Gemm": 1,
    "MatMul": 1,
    "FusedConv": 1,
    "ConvInteger": 1,
    "MatMulInteger": 1,
    "QLinearConv": 3,
    "QLinearMatMul": 3,
}
# From the coarsest: one coarse layer makes the file one of its type.
_COARSENESS: tuple[Stored, ...] = ("int8", "bf16", "fp16", "fp32", "fp64")


def stored_precision(model: onnx.ModelProto) -> Stored:
    """Find the coarsest type in which the weights of a layer are stored.

    Weights reach their layer through casts, dequantisation and similar operators; what counts is
    the type in which they were stored, whatever they are computed in. Activations that are
    quantised make the file INT8 too.

    Returns:
        Where no layer has constant weights, the coarsest type of any constant of real numbers;
        `fp32` where there is none.
    """
    found = set(_stored_types(model.graph))
    if not found:
        constants = {_TYPES.get(tensor.data_type) for tensor in model.graph.initializer}
        found = {one for one in constants if one is not None and one != "int8"}
    return next((one for one in _COARSENESS if one in found), "fp32")


def _stored_types(graph: onnx.GraphProto) -> Iterator[Stored]:
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:  # sorted: a node comes after its inputs
        if node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear"):
            yield "int8"
        position = _WEIGHT_INPUT.get(node.op_type)
        if position is not None and position < len(node.input):
            stored = _TYPES.get(types.get(node.input[position], -1))
            if stored is not None:
                yield stored
        if node.op_type == "Constant":
            values = [a.t.data_type for a in node.attribute if a.name == "value"]
            types |= dict(zip(node.output, values, strict=False))
        elif node.input and node.input[0] in types:
            types |= {name: types[node.input[0]] for name in node.output if name not in types}
