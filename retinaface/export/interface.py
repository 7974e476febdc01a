"""What an exported file must hold, as its options ask for it."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from retinaface.export.options import Axis, ExportOptions
from retinaface.network.config import INPUT_NAME, OUTPUT_WIDTHS
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatPrecision

_DYNAMO_IR = 10  # whatever the opset; onnxruntime loads it from 1.18 on


@dataclass(frozen=True)
class Interface:
    """What a consumer relies on.

    Attributes:
        opset: Version of the default operator set.
        ir_version: Version of the file format.
        io: Element type of input and outputs.
        axes: Axes of the input and of each output; a number is fixed, a name is free.
    """

    opset: int
    ir_version: int
    io: FloatPrecision
    axes: dict[str, tuple[Axis, ...]]


def interface_of(options: ExportOptions) -> Interface:
    """Work out what the file must hold; onnx knows the versions of the format."""
    opset = options.resolved_opset
    minimal_ir = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
    batch: Axis = "batch" if options.batch_size is None else options.batch_size
    size: tuple[Axis, Axis] = (options.height_px, options.width_px)
    n_priors: Axis = len(prior_boxes(options.height_px, options.width_px))
    if options.dynamic_size:
        size, n_priors = ("height", "width"), "priors"
    axes: dict[str, tuple[Axis, ...]] = {
        name: (batch, n_priors, n_values) for name, n_values in OUTPUT_WIDTHS.items()
    }
    axes[INPUT_NAME] = (batch, 3, *size)
    ir_version = _DYNAMO_IR if options.exporter == "dynamo" else minimal_ir
    return Interface(opset, ir_version, options.io, axes)
