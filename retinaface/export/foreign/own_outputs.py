"""What a file itself computes: in float64, in float32, and rounded as FP16 rounds; without torch.

onnx's evaluator computes it, which shares no code with any runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.reference.stored import ReferenceCase
from retinaface.typing import FloatArray, Scores

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
# Operators whose outputs no runtime rounds anew: they move values, or give shapes and indices.
_EXACT = {"Constant", "Shape", "Reshape", "Identity", "Transpose", "Concat", "Slice", "Gather",
          "Squeeze", "Unsqueeze", "Flatten", "Cast", "ConstantOfShape", "Size", "Range",
          "Split"}  # fmt: skip
# Of Resize: regions and scales stay float32, as the standard says.
_RESIZE_SETTINGS = slice(1, 3)


def own_outputs(file: Path, name: str, images: FloatArray, scores: Scores) -> ReferenceCase:
    """Evaluate a file in three ways, image by image.

    Args:
        file: In the form that `adopt` gives.
        name: Kind of the inputs.
        images: (N, 3, H, W) float32.
        scores: What its second output holds; logits become probabilities.
    """
    model = onnx.load(file)
    settings = [("float64", False), ("float32", False), ("float32", True)]
    exact, float32, float16 = (
        _evaluate(_converted(model, kind, rounds=rounds), images, np.dtype(kind), scores)
        for kind, rounds in settings
    )
    return ReferenceCase(name, images, exact, float32, float16)


def _evaluate(
    model: onnx.ModelProto, images: FloatArray, dtype: np.dtype[Any], scores: Scores
) -> dict[str, FloatArray]:
    from onnx.reference import ReferenceEvaluator

    from retinaface.network.outputs import softmax

    evaluator = ReferenceEvaluator(model)
    axis = model.graph.input[0].type.tensor_type.shape.dim[0]
    n = axis.dim_value or 1  # of a file with a fixed batch: the image, repeated
    rows = []
    for image in images:
        batch = np.repeat(image[None].astype(dtype), n, axis=0)
        rows.append([out[:1] for out in evaluator.run(list(OUTPUT_NAMES), {INPUT_NAME: batch})])
    found = dict(zip(OUTPUT_NAMES, map(np.concatenate, zip(*rows, strict=True)), strict=True))
    if scores == "logits":
        found["conf"] = softmax(found["conf"])
    return found


def _converted(model: onnx.ModelProto, kind: str, *, rounds: bool) -> onnx.ModelProto:
    """Make a copy that computes in one type, and may round what each operator takes and gives."""
    copy: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    graph, element = copy.graph, helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    kept = {
        n for node in graph.node if node.op_type == "Resize" for n in node.input[_RESIZE_SETTINGS]
    }
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in _FLOATS:
            value.type.tensor_type.elem_type = element
    del graph.value_info[:]
    for tensor in graph.initializer:
        if tensor.name not in kept:
            _convert(tensor, np.dtype(kind), rounds=rounds)
    for node in graph.node:
        _convert_node(node, np.dtype(kind), element, kept, rounds=rounds)
    if rounds:
        nodes = [new for node in graph.node for new in _with_rounding(node, kept)]
        first = list(_rounding(INPUT_NAME, "input_rounded"))
        for node in nodes:
            node.input[:] = ["input_rounded" if n == INPUT_NAME else n for n in node.input]
        del graph.node[:]
        graph.node.extend([*first, *nodes])
    return copy


def _convert(tensor: onnx.TensorProto, dtype: np.dtype[Any], *, rounds: bool) -> None:
    if tensor.data_type not in _FLOATS:
        return
    array = numpy_helper.to_array(tensor)
    if rounds:
        array = array.astype(np.float16)
    tensor.CopyFrom(numpy_helper.from_array(array.astype(dtype), tensor.name))


def _convert_node(
    node: onnx.NodeProto, dtype: np.dtype[Any], element: int, kept: set[str], *, rounds: bool
) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i in _FLOATS:
            attribute.i = element
        elif attribute.HasField("t") and not kept & set(node.output):
            _convert(attribute.t, dtype, rounds=rounds)


def _with_rounding(node: onnx.NodeProto, kept: set[str]) -> Iterator[onnx.NodeProto]:
    """Round what a node gives, under its own name."""
    if node.op_type in _EXACT or kept & set(node.output):
        yield node
        return
    names = list(node.output)
    node.output[:] = [f"{name}_exact" for name in names]
    yield node
    for name in names:
        yield from _rounding(f"{name}_exact", name)


def _rounding(source: str, target: str) -> Iterator[onnx.NodeProto]:
    yield helper.make_node("Cast", [source], [f"{target}_half"], to=TensorProto.FLOAT16)
    yield helper.make_node("Cast", [f"{target}_half"], [target], to=TensorProto.FLOAT)
