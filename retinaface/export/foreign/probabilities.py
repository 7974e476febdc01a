"""Tell whether an output of a graph holds probabilities: from the graph, else by a run."""

from __future__ import annotations

import numpy as np
import onnx

from retinaface.errors import ModelError
from retinaface.export.foreign.evaluator import check_size, run_once
from retinaface.export.foreign.ports import Ports
from retinaface.network.scenes import synthetic_inputs

# Operators that move values and do not change them, beyond the rounding of another type.
_MOVING = {
    "Identity",
    "Cast",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "QuantizeLinear",
    "DequantizeLinear",
}
# What makes logits of everything before it, so no softmax can be further up.
_COMPUTING = {"Conv", "Gemm", "MatMul", "QLinearConv", "Add", "Mul", "BatchNormalization"}
# FP16 keeps 11 bits, INT8 7 and more.
_SLACK = 0.02


def gives_probabilities(model: onnx.ModelProto, ports: Ports) -> bool:
    """Tell whether `conf` is a softmax.

    Softmax operators behind concatenations, or in front of them, are found in the graph. What the
    graph leaves open, such as a softmax made of smaller operators, one run shows.
    """
    found = _is_softmax(model.graph, ports.outputs[1])
    return _sums_to_one(model, ports) if found is None else found


def _is_softmax(graph: onnx.GraphProto, name: str) -> bool | None:
    """Walk from the input towards a tensor; None where an operator leaves it open."""
    known: dict[str, bool | None] = {}
    for node in graph.node:  # sorted: a node comes after its inputs
        found: bool | None = None
        if node.op_type == "Softmax":
            found = True
        elif node.op_type in _MOVING:
            found = known.get(node.input[0]) if node.input else None
        elif node.op_type == "Concat":
            parts = {known.get(part) for part in node.input}
            found = parts.pop() if len(parts) == 1 else None
        elif node.op_type in _COMPUTING:
            found = False
        known.update(dict.fromkeys(node.output, found))
    return known.get(name)


def _sums_to_one(model: onnx.ModelProto, ports: Ports) -> bool:
    check_size((ports.batch or 1, 3, *ports.size_px))  # before images of that size are made
    images = synthetic_inputs(ports.batch or 1, 1, *ports.size_px)
    _, scores = run_once(model, ports.image, images, ports.outputs[1])
    if scores.ndim != 3 or not scores.size:
        raise ModelError(
            f"its scores, {ports.outputs[1]}, have the shape {scores.shape} in a run, but another "
            "one by the graph; export the network with its three outputs"
        )
    is_near = np.abs(scores.sum(axis=-1) - 1).max() <= _SLACK
    return bool(is_near and scores.min() >= -_SLACK)
