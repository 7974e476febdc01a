"""Put layers of a quantised graph back into float, to see what each of them costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from retinaface.errors import ExportError
from retinaface.reference.layers_from_torch import Convolution


def with_float_layers(model: onnx.ModelProto, layers: Mapping[str, Convolution]) -> onnx.ModelProto:
    """Compute some convolutions of a QDQ graph in FP32, as if they had not been quantised.

    Input and output of such a layer are not rounded for it; a quantised neighbour still rounds what
    it reads.

    Args:
        model: With QuantizeLinear and DequantizeLinear around its convolutions; it is left as it
            is.
        layers: Kernel and bias in float, by the tensor that the convolution gives.

    Returns:
        A new model.

    Raises:
        ExportError: A tensor is not that of a quantised Conv, as in a QOperator file.
    """
    changed: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    for number, (tensor, layer) in enumerate(layers.items()):
        _put_in_float(changed.graph, tensor, layer, f"float_{number}")
    return changed


def _put_in_float(graph: onnx.GraphProto, tensor: str, layer: Convolution, prefix: str) -> None:
    makers = {output: node for node in graph.node for output in node.output}
    node = makers.get(tensor)
    if node is None or not _is_quantised(node, makers):
        got = "no tensor" if node is None else node.op_type
        raise ExportError(
            f"cannot put {layer.name} in float: expected a quantised Conv that gives {tensor}, got "
            f"{got}; export with --quantisation qdq"
        )
    names = [f"{prefix}_{tensor}_{part}" for part in ("kernel", "bias")]
    for name, array in zip(names, (layer.kernel, layer.bias), strict=True):
        graph.initializer.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
    source = node.input[0]
    dequantise = makers.get(source)
    if dequantise is not None and dequantise.op_type == "DequantizeLinear":
        quantise = makers.get(dequantise.input[0])
        source = source if quantise is None else quantise.input[0]
    del node.input[:]
    node.input.extend([source, *names])
    _leave_unrounded(graph, tensor, makers)


def _leave_unrounded(
    graph: onnx.GraphProto, tensor: str, makers: Mapping[str, onnx.NodeProto]
) -> None:
    """Let the readers of a layer's output read it as it is, but for quantised convolutions."""
    rounded = {
        dequantise.output[0]
        for quantise in graph.node
        if quantise.op_type == "QuantizeLinear" and quantise.input[0] == tensor
        for dequantise in graph.node
        if dequantise.op_type == "DequantizeLinear" and dequantise.input[0] == quantise.output[0]
    }
    for reader in graph.node:
        if _is_quantised(reader, makers):
            continue
        for i, name in enumerate(reader.input):
            if name in rounded:
                reader.input[i] = tensor


def _is_quantised(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Tell whether a node is a convolution with dequantised weights."""
    if node.op_type != "Conv":
        return False
    weights = makers.get(node.input[1])
    return weights is not None and weights.op_type == "DequantizeLinear"
