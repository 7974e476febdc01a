"""What is in an ONNX file: read, verify against what was asked for, lower the opset, cast to FP16.

Imports onnx, but neither torch nor a runtime.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from retinaface.errors import ExportError
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.priors import prior_boxes
from retinaface.typing import Precision

FP16_MAX = 65_504.0
FP16_SMALLEST = 2.0**-24  # subnormal

Axis = int | str
_ELEMENT_TYPE = {"fp32": onnx.TensorProto.FLOAT, "fp16": onnx.TensorProto.FLOAT16}


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
    io: Precision
    axes: dict[str, tuple[Axis, ...]]


def check_exported_axes(model: onnx.ModelProto, axes: dict[str, tuple[Axis, ...]]) -> None:
    """See that the exporter made free what should be free: dynamo fixes an axis that it can.

    Raises:
        ExportError: The input has other fixed axes than asked for, or an output cannot have the
            axes that follow from them.
    """
    fixed = {name: tuple(_fixed(a) for a in wanted) for name, wanted in axes.items()}
    found = tuple(_fixed(a) for a in axes_of(model.graph.input[0]))
    if found != fixed[INPUT_NAME]:
        raise ExportError(
            f"the exporter did not give the axes asked for: expected {axes[INPUT_NAME]}, "
            f"got {axes_of(model.graph.input[0])}"
        )
    # Outputs at a batch that no exporter was shown: a fixed one would show up here.
    probe = onnx.ModelProto.FromString(model.SerializeToString())
    sizes = {"batch": 3, "height": 213, "width": 320}
    sizes["priors"] = len(prior_boxes(sizes["height"], sizes["width"]))
    set_axes(probe, {INPUT_NAME: tuple(_at(a, sizes) for a in axes[INPUT_NAME])})
    for value in probe.graph.output:
        value.type.tensor_type.ClearField("shape")
    del probe.graph.value_info[:]
    for value in onnx.shape_inference.infer_shapes(probe, data_prop=True).graph.output:
        wanted = tuple(_at(a, sizes) for a in axes[value.name])
        for got, want in zip(axes_of(value), wanted, strict=False):
            if isinstance(got, int) and got != want:
                raise ExportError(
                    f"the exporter fixed an axis of {value.name}: expected {wanted} for an input "
                    f"of {axes_of(probe.graph.input[0])}, got {axes_of(value)}"
                )


def _fixed(axis: Axis) -> int | None:
    return axis if isinstance(axis, int) else None


def _at(axis: Axis, sizes: dict[str, int]) -> int:
    return axis if isinstance(axis, int) else sizes[axis]


def set_axes(model: onnx.ModelProto, axes: dict[str, tuple[Axis, ...]]) -> None:
    """Write the declared axes over what an exporter inferred (`s14`, `Concatloc_dim_1`, formulas).

    Only declarations change, not the computation; the checker verifies them against the graph.
    """
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        for dim, axis in zip(dims, axes.get(value.name, ()), strict=False):
            if isinstance(axis, int):
                dim.dim_value = axis
            else:
                dim.dim_param = axis


def verify(path: Path, expected: Interface, precision: Precision) -> onnx.ModelProto:
    """Read a file and hold it against what was asked for.

    Args:
        path: The file.
        expected: Opset, IR version, names, types and axes.
        precision: Type of the weights.

    Returns:
        The model.

    Raises:
        ExportError: Anything differs; lists everything that does.
    """
    model = onnx.load(path, load_external_data=False)
    problems = [*_interface_problems(model, expected), *_content_problems(model, precision)]
    if sidecars := [p.name for p in path.parent.glob(f"{path.name}*") if p != path]:
        problems.append(f"more than one file: {', '.join(sidecars)}")
    if not problems:
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            problems.append(f"the ONNX checker says: {str(error).splitlines()[0]}")
    if problems:
        raise ExportError(f"the export is not what was asked for: {'; '.join(problems)}")
    return model


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
            got = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
            problems.append(f"type of {value.name}: expected {expected.io}, got {got}")
    return problems


def _content_problems(model: onnx.ModelProto, precision: Precision) -> list[str]:
    problems = []
    weights = [t for t in model.graph.initializer if len(t.dims) == 4]
    if external := [t.name for t in weights if t.data_location == onnx.TensorProto.EXTERNAL]:
        problems.append(f"{len(external)} weights lie in another file, first {external[0]}")
    other = {onnx.TensorProto.DataType.Name(t.data_type) for t in weights}
    wanted = onnx.TensorProto.DataType.Name(_ELEMENT_TYPE[precision])
    if other != {wanted}:
        problems.append(f"type of the weights: expected {wanted}, got {sorted(other)}")
    return problems


def axes_of(value: onnx.ValueInfoProto) -> tuple[Axis, ...]:
    """Axes of an input or output: numbers where fixed, names (or `?`) where free."""
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or "?"
        for d in value.type.tensor_type.shape.dim
    )


def operator_counts(model: onnx.ModelProto) -> dict[str, int]:
    """Number of nodes of each operator, sorted by name."""
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def graph_facts(model: onnx.ModelProto) -> dict[str, Any]:
    """What tells two graphs apart: operators, and a hash of nodes and weights, names left out."""
    digest = hashlib.sha256()
    for node in model.graph.node:
        attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
        digest.update(node.op_type.encode())
        digest.update(b"".join(attributes))
    for content in sorted(_content(tensor) for tensor in model.graph.initializer):
        digest.update(content)
    return {"operators": operator_counts(model), "sha256": digest.hexdigest()}


def _content(tensor: onnx.TensorProto) -> bytes:
    array = numpy_helper.to_array(tensor)
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


def lower_opset(model: onnx.ModelProto, opset: int) -> None:
    """Lower the opset in place where no node means anything else in the older one.

    The dynamo exporter writes opset 18 and relies on onnx to convert downwards; onnx before 1.23
    has no converter for Resize. What version 18 added to Resize is at its default here.

    Raises:
        ExportError: A node uses what the older opset does not have.
    """
    current = next(o.version for o in model.opset_import if not o.domain)
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


def to_fp16(model: onnx.ModelProto, *, keep_io_types: bool) -> onnx.ModelProto:
    """Cast every weight and operator to FP16, Resize included.

    Args:
        model: With batch norms folded into the convolutions.
        keep_io_types: Leave input and outputs FP32, with casts inside.

    Returns:
        A new model of the same opset and IR version.

    Raises:
        ExportError: A constant does not fit FP16; converters would clamp it without a word.
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
        warnings.simplefilter("ignore", UserWarning)  # of values at the limits, checked above
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
    """Resize takes its scales in FP32 whatever its data is; below opset 13 they cannot be left out.

    The exporter gives empty ones there, beside the sizes that count; the converter casts them.
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


def with_outputs(path: Path, names: Sequence[str]) -> bytes:
    """A model file in which tensors inside it are outputs too.

    Args:
        path: ONNX file.
        names: Of tensors that nodes give.

    Returns:
        The serialised model.

    Raises:
        ValueError: A name is no tensor of the file.
    """
    model = onnx.load(path)
    graph = model.graph
    known = {output for node in graph.node for output in node.output}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{len(unknown)} of {len(names)} names are no tensors of {path}, first {unknown[0]}"
        )
    del graph.value_info[:]  # what tools left may be of other sizes
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    values = {value.name: value for value in inferred}
    for name in dict.fromkeys(n for n in names if n not in OUTPUT_NAMES):
        # A tensor of no known type is declared by its name alone; the runtime infers the rest.
        graph.output.append(values.get(name, onnx.ValueInfoProto(name=name)))
    serialized: bytes = model.SerializeToString()
    return serialized
