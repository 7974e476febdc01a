"""Verify that an exported file is what was asked for; imports onnx, but no torch."""

from __future__ import annotations

from pathlib import Path

import onnx

from retinaface.errors import ExportError
from retinaface.export.foreign.evaluator import checker_problem
from retinaface.export.interface import Interface
from retinaface.export.onnx_graph import axes_of, set_axes, type_name
from retinaface.export.onnx_read import read_graph
from retinaface.export.options import Axis
from retinaface.formats.faults import FormatError
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.priors import prior_boxes
from retinaface.typing import Precision

_ELEMENT_TYPE = {
    "fp32": onnx.TensorProto.FLOAT,
    "fp16": onnx.TensorProto.FLOAT16,
    "int8": onnx.TensorProto.INT8,
}


def check_exported_axes(model: onnx.ModelProto, axes: dict[str, tuple[Axis, ...]]) -> None:
    """Check that the axes that should be free are free: dynamo fixes those that it can.

    Raises:
        ExportError: The input's fixed axes are not those asked for, or an output's axes do not
            follow from them.
    """
    fixed = {name: tuple(_fixed_size(a) for a in wanted) for name, wanted in axes.items()}
    found = tuple(_fixed_size(a) for a in axes_of(model.graph.input[0]))
    if found != fixed[INPUT_NAME]:
        raise ExportError(
            f"the exporter did not give the axes asked for: expected {axes[INPUT_NAME]}, "
            f"got {axes_of(model.graph.input[0])}"
        )
    # Infer the outputs at a batch that no exporter saw, which reveals a fixed batch.
    probe = onnx.ModelProto.FromString(model.SerializeToString())
    sizes = {"batch": 3, "height": 213, "width": 320}
    sizes["priors"] = len(prior_boxes(sizes["height"], sizes["width"]))
    set_axes(probe, {INPUT_NAME: tuple(_size_at(a, sizes) for a in axes[INPUT_NAME])})
    for value in probe.graph.output:
        value.type.tensor_type.ClearField("shape")
    del probe.graph.value_info[:]
    for value in onnx.shape_inference.infer_shapes(probe, data_prop=True).graph.output:
        wanted = tuple(_size_at(a, sizes) for a in axes[value.name])
        for got, want in zip(axes_of(value), wanted, strict=False):
            if isinstance(got, int) and got != want:
                raise ExportError(
                    f"the exporter fixed an axis of {value.name}: expected {wanted} for an input "
                    f"of {axes_of(probe.graph.input[0])}, got {axes_of(value)}"
                )


def _fixed_size(axis: Axis) -> int | None:
    return axis if isinstance(axis, int) else None


def _size_at(axis: Axis, sizes: dict[str, int]) -> int:
    return axis if isinstance(axis, int) else sizes[axis]


def verify(
    path: Path, expected: Interface, precision: Precision, n_float: int = 0
) -> onnx.ModelProto:
    """Read a file and compare it with what was asked for.

    Args:
        expected: Opset, IR version, names, types and axes.
        precision: The type of the weights.
        n_float: Layers of an INT8 file whose weights are FP32.

    Returns:
        The model.

    Raises:
        ExportError: The file differs; lists all differences.
    """
    try:
        model = read_graph(path, with_weights=False)
    except FormatError as error:
        raise ExportError(f"the export is not what was asked for: {error}") from error
    problems = [
        *_interface_problems(model, expected),
        *_content_problems(model, precision, n_float),
    ]
    if sidecars := [p.name for p in path.parent.glob(f"{path.name}*") if p != path]:
        problems.append(f"more than one file: {', '.join(sidecars)}")
    if not problems and (problem := checker_problem(model)):
        problems.append(problem)
    if problems:
        raise ExportError(f"the export is not what was asked for: {'; '.join(problems)}")
    return model


def check_standard(path: Path) -> str:
    """Run the ONNX checker over a file, types and shapes included; empty where it finds nothing.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        return checker_problem(read_graph(path))
    except FormatError as error:
        return f"the file contradicts itself: {error}"


def _interface_problems(model: onnx.ModelProto, expected: Interface) -> list[str]:
    found = {
        "opsets": {o.domain or "ai.onnx": o.version for o in model.opset_import},
        "IR version": model.ir_version,
        "inputs": [v.name for v in model.graph.input],
        "outputs": [v.name for v in model.graph.output],
    }
    wanted = {
        "opsets": {"ai.onnx": expected.opset},
        "IR version": expected.ir_version,
        "inputs": [INPUT_NAME],
        "outputs": list(OUTPUT_NAMES),
    }
    problems = [
        f"{what}: expected {wanted[what]}, got {found[what]}"
        for what in wanted
        if wanted[what] != found[what]
    ]
    for value in [*model.graph.input, *model.graph.output]:
        if value.name in expected.axes and axes_of(value) != expected.axes[value.name]:
            problems.append(
                f"axes of {value.name}: expected {expected.axes[value.name]}, got {axes_of(value)}"
            )
        if value.type.tensor_type.elem_type != _ELEMENT_TYPE[expected.io]:
            kind = value.type.tensor_type.elem_type
            got = type_name(kind)
            problems.append(f"type of {value.name}: expected {expected.io}, got {got}")
    return problems


def _content_problems(model: onnx.ModelProto, precision: Precision, n_float: int) -> list[str]:
    problems = []
    weights = [t for t in model.graph.initializer if len(t.dims) == 4]
    if external := [t.name for t in weights if t.data_location == onnx.TensorProto.EXTERNAL]:
        problems.append(f"{len(external)} weights are in another file, first {external[0]}")
    if precision == "int8":
        found = sum(t.data_type == onnx.TensorProto.FLOAT for t in weights)
        if found != n_float:
            problems.append(f"layers with FP32 weights: expected {n_float}, got {found}")
        weights = [t for t in weights if t.data_type != onnx.TensorProto.FLOAT]
    other = {onnx.TensorProto.DataType.Name(t.data_type) for t in weights}
    wanted = onnx.TensorProto.DataType.Name(_ELEMENT_TYPE[precision])
    if other != {wanted}:
        problems.append(f"type of the weights: expected {wanted}, got {sorted(other)}")
    return problems
