"""Tell the input and the outputs of a graph by their shapes, whatever their names are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx

from retinaface.errors import ModelError
from retinaface.export.foreign.evaluator import inferred_shapes, run_once
from retinaface.export.onnx_graph import axes_of, type_name
from retinaface.export.options import Axis
from retinaface.network.config import OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.network.priors import prior_boxes

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
# Where a file leaves its size open, the number of priors is that of this one.
_SIZE_PX = (320, 320)
_N_HEADS = 9  # of a network without its last concatenations, which ixRT's scripts build from
# No network has longer sides or larger batches. The priors of 8192x8192 take 88 MB in float64.
_MAX_AXIS = 8192
_NAME_THEM = (
    "name them when exporting: output_names=['loc', 'conf', 'landmarks'] of torch.onnx.export"
)


@dataclass(frozen=True)
class Ports:
    """Names in a file.

    Attributes:
        image: Of the input.
        outputs: Of `loc`, `conf` and `landmarks`.
        others: Of outputs that are none of these.
        batch: Images in a call, if the file fixes them.
        size_px: Height and width that were probed: the file's, or 320 where they are free.
    """

    image: str
    outputs: tuple[str, str, str]
    others: tuple[str, ...]
    batch: int | None
    size_px: tuple[int, int]


def find_ports(model: onnx.ModelProto) -> Ports | None:
    """Find out which input and output is which.

    Returns:
        None for a file of nine heads, whose engine joins them itself.

    Raises:
        ModelError: Says what the file has, what is needed, and how to get it.
    """
    image = _image_input(model)
    batch, *size = (axis if isinstance(axis, int) else None for axis in _image_axes(image))
    height, width = (fixed or free for fixed, free in zip(size[1:], _SIZE_PX, strict=True))
    if len(model.graph.output) == _N_HEADS:
        return None
    shapes = output_shapes(model, image.name, (batch or 1, 3, height, width))
    outputs = _told_by_shape(shapes, len(prior_boxes(height, width)), (height, width))
    others = tuple(name for name in shapes if name not in outputs)
    return Ports(image.name, outputs, others, batch, (height, width))


def image_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """List inputs that are no weights: old files list those too."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _image_input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    inputs = image_inputs(model.graph)
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(
            f"expected one input, images (N, 3, H, W), got {names}; export the network alone, "
            "without pre- or post-processing"
        )
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in _FLOATS:
        got = type_name(kind).lower()
        raise ModelError(
            f"its input {inputs[0].name} takes {got}, but float32 or float16 is needed, BGR minus "
            "the mean (104, 117, 123); export the network without what converts pixels"
        )
    return inputs[0]


def _image_axes(image: onnx.ValueInfoProto) -> Sequence[Axis]:
    axes = axes_of(image)
    words = "x".join(map(str, axes)) or "no known axes"
    if len(axes) != 4:
        raise ModelError(
            f"its input {image.name} has {words}, but four axes are needed, (N, 3, H, W); export "
            "the network alone"
        )
    if axes[3] == 3 and axes[1] != 3:
        raise ModelError(
            f"its input {image.name} is {words}, channels last, but channels first are needed, "
            "(N, 3, H, W); export without the transposition, or without the tool that added it"
        )
    if isinstance(axes[1], int) and axes[1] != 3:
        raise ModelError(
            f"its input {image.name} is {words}, {axes[1]} channels, but 3 are needed, "
            "(N, 3, H, W); export the network of colour images"
        )
    if wrong := [axis for axis in axes if isinstance(axis, int) and not 1 <= axis <= _MAX_AXIS]:
        raise ModelError(
            f"its input {image.name} is {words}, expected axes of 1 to {_MAX_AXIS}, "
            f"got {wrong[0]}; export it for the size that it is to run at, or with free axes"
        )
    return axes


def output_shapes(
    model: onnx.ModelProto, image: str, shape: tuple[int, int, int, int]
) -> dict[str, tuple[int, ...]]:
    """Find the shapes of the outputs for an input: by inference, else by running the file.

    Args:
        image: Name of the input.
        shape: Of the input.

    Raises:
        ModelError: The file does not run on such an input, or not within the limits of a run.
    """
    found = inferred_shapes(model, image, shape)
    if not all(axes and None not in axes for axes in found.values()):
        found, _ = run_once(model, image, shape)
    return {name: tuple(a for a in axes if a is not None) for name, axes in found.items()}


def _told_by_shape(
    shapes: Mapping[str, tuple[int, ...]], n_priors: int, size_px: tuple[int, int]
) -> tuple[str, str, str]:
    found: list[str] = []
    for output in OUTPUT_NAMES:
        width = OUTPUT_WIDTHS[output]
        fitting = [n for n, s in shapes.items() if len(s) == 3 and s[1:] == (n_priors, width)]
        if output in fitting:
            fitting = [output]
        if not fitting:
            raise ModelError(_missing(output, width, shapes, n_priors, size_px))
        if len(fitting) > 1:
            raise ModelError(
                f"its outputs {' and '.join(fitting)} both have the shape of {output}, "
                f"(N, {n_priors}, {width}); {_NAME_THEM}"
            )
        found.append(fitting[0])
    return found[0], found[1], found[2]


def _missing(
    output: str,
    width: int,
    shapes: Mapping[str, tuple[int, ...]],
    n_priors: int,
    size_px: tuple[int, int],
) -> str:
    height, width_px = size_px
    has = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    wanted = f"(N, {n_priors}, {width}) for {output} at {height}x{width_px}"
    others = [s[1] for s in shapes.values() if len(s) == 3 and s[2] == width]
    if others:
        return (
            f"it has {others[0]} priors, but this network has {n_priors} at {height}x{width_px} "
            "(strides 8, 16, 32, two sizes each): another architecture; take a file of RetinaFace "
            "MobileNet-0.25"
        )
    return f"expected an output {wanted}, got {has}; export the network with its three outputs"
