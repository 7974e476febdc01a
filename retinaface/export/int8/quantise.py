"""Quantise the convolutions of a graph to INT8, a scale for each channel of the weights."""

from __future__ import annotations

from typing import Any, cast

import onnx

from retinaface.errors import ExportError, unknown
from retinaface.export.int8.calibration import (
    QUANTISED,
    CalibrationSet,
    import_quantization,
    measure_ranges,
)
from retinaface.export.int8.options import Int8Options
from retinaface.reference.layers import LayerMatch


def to_int8(
    model: onnx.ModelProto,
    options: Int8Options,
    calibration: CalibrationSet,
    layers: list[LayerMatch],
) -> onnx.ModelProto:
    """Quantise a graph.

    Args:
        model: FP32, batch norms folded, of opset 13 at least; it is left as it is.
        layers: Layers of the network with the tensor that each convolution gives.

    Returns:
        A new model of the same opset and IR version.

    Raises:
        ExportError: A float layer is unknown, or onnxruntime is missing or fails.
    """
    excluded = float_nodes(model, options.float_layers, layers)
    try:
        ranges = measure_ranges(model, calibration.images, options.method)
        quantised = quantise_with(model, options, ranges, excluded)
    except ExportError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base
        raise ExportError(
            f"onnxruntime cannot quantise the graph ({options.method}, {options.quantisation}): "
            f"{type(error).__name__}: {error}; take another --calibration-method"
        ) from error
    quantised.ir_version = model.ir_version
    return quantised


def float_nodes(
    model: onnx.ModelProto, names: tuple[str, ...], layers: list[LayerMatch]
) -> list[str]:
    """Find the nodes of the layers that stay FP32.

    Raises:
        ExportError: There is no such layer; names the nearest.
    """
    tensors = {match.layer: match.tensor for match in layers}
    makers = {output: node.name for node in model.graph.node for output in node.output}
    for name in names:
        if name not in tensors:
            raise ExportError(unknown("cannot leave in float: unknown layer", name, tensors))
    return [makers[tensors[name]] for name in names]


def quantise_with(
    model: onnx.ModelProto, options: Int8Options, ranges: Any, excluded: list[str]
) -> onnx.ModelProto:
    """Quantise with ranges that were measured; nodes that are excluded stay FP32."""
    quantization = import_quantization()
    int8 = quantization.QuantType.QInt8
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    copy = onnx.shape_inference.infer_shapes(copy)
    common: tuple[Any, ...] = (int8, int8, ranges, [], excluded, list(QUANTISED), {})
    if options.quantisation == "qoperator":
        mode = quantization.quant_utils.QuantizationMode.QLinearOps
        quantizer = quantization.onnx_quantizer.ONNXQuantizer(
            copy, True, False, mode, True, *common
        )
    else:
        quantizer = quantization.qdq_quantizer.QDQQuantizer(copy, True, False, *common)
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return cast(onnx.ModelProto, quantizer.model.model)
