"""Convert graphs to a lower opset, simplify them, make FP16 of them; imports onnx, but no torch."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import cast

import numpy as np
import onnx
from onnx import numpy_helper

from retinaface.errors import ExportError
from retinaface.export.onnx_graph import opset_of

FP16_MAX = 65_504.0
FP16_SMALLEST = 2.0**-24  # subnormal


def lower_opset(model: onnx.ModelProto, opset: int) -> None:
    """Lower the opset in place where every node means the same in the older one.

    The dynamo exporter writes opset 18 and relies on onnx to convert downwards; onnx before 1.23
    has no converter for Resize. This graph does not use what opset 18 added to Resize.

    Raises:
        ExportError: A node uses a feature that the older opset lacks.
    """
    current = opset_of(model)
    for node in model.graph.node:
        new = onnx.defs.get_schema(node.op_type, current).since_version
        old = onnx.defs.get_schema(node.op_type, opset).since_version
        if new == old:
            continue
        added = [a for a in node.attribute if a.name in ("antialias", "keep_aspect_ratio_policy")]
        lowerable = (
            node.op_type == "Resize"
            and all(a.i == 0 and a.s in (b"", b"stretch") for a in added)
            and not any(a.name == "axes" for a in node.attribute)
        )
        if not lowerable:
            raise ExportError(
                f"the exporter stayed at opset {current} when asked for {opset}, and "
                f"{node.op_type} cannot be lowered; ask for --opset {current} or use "
                "--exporter torchscript"
            )
        for attribute in added:
            node.attribute.remove(attribute)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", opset))


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fold constants and batch norms, and drop what computes nothing.

    Raises:
        ExportError: The simplified graph gives other results.
    """
    import onnxsim

    simplified, agrees = onnxsim.simplify(model)
    if not agrees:
        raise ExportError("onnxsim changed the results of the graph; export with --no-simplify")
    return cast(onnx.ModelProto, simplified)


def to_fp16(model: onnx.ModelProto, *, keep_io_types: bool) -> onnx.ModelProto:
    """Cast every weight and operator to FP16, Resize included.

    Args:
        model: Its batch norms are folded into the convolutions.
        keep_io_types: Leave input and outputs FP32, with casts inside.

    Returns:
        A new model of the same opset and IR version.

    Raises:
        ExportError: A constant does not fit FP16; converters would clamp it silently.
    """
    from onnxconverter_common import float16

    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            largest = float(np.abs(numpy_helper.to_array(tensor)).max(initial=0.0))
            if not largest <= FP16_MAX:
                raise ExportError(
                    f"cannot cast to FP16: {tensor.name} reaches {largest:g}, beyond FP16's "
                    f"{FP16_MAX:g}; fold the batch norms first (leave --no-simplify out)"
                )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # values at limits: checked above
        converted: onnx.ModelProto = float16.convert_float_to_float16(
            model,
            min_positive_val=FP16_SMALLEST,
            max_finite_val=FP16_MAX,
            keep_io_types=keep_io_types,
            op_block_list=[],
        )
    _restore_resize_scales(converted)
    converted.ir_version = model.ir_version
    return converted


def _restore_resize_scales(model: onnx.ModelProto) -> None:
    """Give Resize its scales in FP32, whatever the type of its data; below opset 13 it needs them.

    The exporter leaves the scales empty and gives the sizes instead; the converter casts them.
    """
    scales = {n.input[2] for n in model.graph.node if n.op_type == "Resize" and len(n.input) > 2}
    constants = [
        attribute.t
        for node in model.graph.node
        if node.op_type == "Constant" and node.output[0] in scales
        for attribute in node.attribute
    ]
    for tensor in [*constants, *(t for t in model.graph.initializer if t.name in scales)]:
        if tensor.data_type == onnx.TensorProto.FLOAT16:
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for value in [v for v in model.graph.value_info if v.name in scales]:
        model.graph.value_info.remove(value)  # it still declares FP16


@contextlib.contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the exporters' warnings, and keep their logs off the terminal."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught
    finally:
        logging.disable(logging.NOTSET)
