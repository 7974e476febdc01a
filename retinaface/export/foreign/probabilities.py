"""Tell whether an output of a graph holds probabilities: from the graph, else by a run."""

from __future__ import annotations

import numpy as np
import onnx

from retinaface.export.foreign.ports import Ports, run_once
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
    makers = {output: node for node in model.graph.node for output in node.output}
    found = _is_softmax(ports.outputs[1], makers)
    return _sums_to_one(model, ports) if found is None else found


def _is_softmax(name: str, makers: dict[str, onnx.NodeProto]) -> bool | None:
    """Walk from a tensor towards the input; None where an operator leaves it open."""
    node = makers.get(name)
    if node is None:
        return None
    if node.op_type == "Softmax":
        return True
    if node.op_type in _MOVING:
        return _is_softmax(node.input[0], makers)
    if node.op_type == "Concat":
        parts = {_is_softmax(part, makers) for part in node.input}
        return parts.pop() if len(parts) == 1 else None
    return False if node.op_type in _COMPUTING else None


def _sums_to_one(model: onnx.ModelProto, ports: Ports) -> bool:
    images = synthetic_inputs(ports.batch or 1, 1, *ports.size_px)
    scores = run_once(model, ports.image, images)[ports.outputs[1]].astype(np.float64)
    is_near = np.abs(scores.sum(axis=-1) - 1).max() <= _SLACK
    return bool(is_near and scores.min() >= -_SLACK)
