"""Check an ONNX file for the engines that load one: names, types, axes, precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.catalogue import BUILTIN
from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable, first_line, shortened
from retinaface.formats.faults import FormatError
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES, PRECISION_KEY

if TYPE_CHECKING:
    import onnx


class Port(NamedTuple):
    """An input or output of a file, as a runtime reads it.

    Attributes:
        type_name: The runtime's name of its type, for messages.
        dtype: Float32 or float16; None for any other type.
        axes: A number for a fixed axis; anything else for a free one.
    """

    name: str
    type_name: str
    dtype: type[np.floating[Any]] | None
    axes: Sequence[int | str | None]


def model_of(spec: EngineSpec) -> Path:
    """Give the file to load.

    Raises:
        EngineUnavailable: The specification names no file.
    """
    if spec.model is None:
        raise EngineUnavailable(f"{spec.name} needs an ONNX file; give --model FILE.onnx")
    return spec.model


def check_interface(
    spec: EngineSpec,
    model: Path,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    *,
    splits: bool = True,
) -> int | None:
    """Compare names, types and axes of a file with a specification.

    Args:
        model: The file, for messages.
        splits: Whether the engine runs a larger batch in parts; one with separate steps does not.

    Returns:
        The only batch size that the file takes; None where it takes any.

    Raises:
        EngineUnavailable: The file does not fit.
    """
    shown = spec.given or model
    names = ([port.name for port in inputs], [port.name for port in outputs])
    if names != ([INPUT_NAME], list(OUTPUT_NAMES)) or any(
        port.dtype is None for port in (*inputs, *outputs)
    ):
        raise EngineUnavailable(
            f"{spec.name} cannot run {shown}: expected input -> loc, conf, landmarks in FP32 "
            f"or FP16, got {_told(inputs)} -> {_told(outputs)}; "
            "pip install onnx, with which outputs are told by shape, or name them so"
        )
    axes = inputs[0].axes
    if len(axes) != 4:
        raise EngineUnavailable(
            f"{spec.name} cannot run {shown}: expected an input of 4 axes (N, 3, H, W), got {axes}"
        )
    batch, channels, height, width = axes
    wanted = (3, spec.height_px, spec.width_px)
    for got, want in zip((channels, height, width), wanted, strict=True):
        if isinstance(got, int) and got != want:
            size = "free height and width" if want is None else f"{wanted[1]}x{wanted[2]}"
            raise EngineUnavailable(
                f"{spec.name}: {shown} takes {height}x{width} inputs, but {size} is needed; "
                "export with --dynamic-size"
            )
    if not isinstance(batch, int):
        return None
    if spec.max_batch > batch and not splits:
        raise EngineUnavailable(
            f"{spec.name}: {shown} takes batches of {batch}, but up to {spec.max_batch} "
            f"are asked for; use --batch {batch}, or export with --batch-size dynamic"
        )
    return batch


def _told(ports: Sequence[Port]) -> str:
    names = ", ".join(port.name for port in ports)
    return shortened(f"{names} ({ports[0].type_name})" if ports else "none")


def check_precision(spec: EngineSpec, model: Path, precision: str) -> None:
    """Compare the precision of a file's weights with a specification.

    Raises:
        EngineUnavailable: They differ; names the engine that fits, where there is one.
    """
    if precision == spec.precision:
        return
    shown = spec.given or model
    fitting = f"{spec.name.removesuffix(spec.precision)}{precision}"
    if fitting in BUILTIN:
        next_step = f"use --engine {fitting}, or export with --precision {spec.precision}"
    else:
        next_step = f"no engine here computes in it; export with --precision {spec.precision}"
    raise EngineUnavailable(
        f"{spec.name} needs an {spec.precision.upper()} model, but the weights of {shown} "
        f"are {precision.upper()}; {next_step}"
    )


def read_precision(spec: EngineSpec, model: Path, stated: str | None) -> str:
    """Read the precision of the weights from the file; where onnx is missing, its own statement.

    A statement alone is not enough: tools that quantise a file leave it as it was.

    Args:
        stated: The file's metadata under `PRECISION_KEY`.

    Returns:
        `fp32`, `fp16`, `int8` or another type that no engine takes.

    Raises:
        EngineUnavailable: The file states nothing, and onnx is not installed.
    """
    shown = spec.given or model
    try:
        with importing(
            f"{spec.name}: {shown} does not state its precision, and onnx, which could read it,",
            "pip install onnx, or export with retinaface",
        ):
            import onnx  # noqa: F401 - the question is whether it can be imported

            from retinaface.export.stored_precision import stored_precision
    except EngineUnavailable:
        if stated is None:
            raise
        return stated
    return stored_precision(read_model(spec, model))


def read_model(spec: EngineSpec, model: Path) -> onnx.ModelProto:
    """Read a file, but not its weights in other files, and check its structure.

    Raises:
        EngineUnavailable: onnx is not installed, or the file cannot be read.
    """
    with importing(
        f"{spec.name} reads names and axes of {model} with onnx, which", "pip install onnx"
    ):
        import onnx  # noqa: F401 - the question is whether it can be imported

        from retinaface.export.onnx_read import read_graph
    try:
        return read_graph(model, with_weights=False)
    except (FormatError, OSError) as error:
        raise EngineUnavailable(
            f"{spec.name} cannot load {model}: {first_line(error)}; check the file"
        ) from error


def check_file(spec: EngineSpec, model: Path, *, splits: bool = True) -> int | None:
    """Compare names, types, axes and precision of a file with a specification.

    Args:
        splits: See `check_interface`.

    Returns:
        The only batch size that the file takes; None where it takes any.

    Raises:
        EngineUnavailable: onnx is not installed, or the file cannot be read or does not fit.
    """
    loaded = read_model(spec, model)
    if not loaded.graph.input:
        raise EngineUnavailable(f"{spec.name} cannot load {model}: it has no input; check the file")
    weights = {tensor.name for tensor in loaded.graph.initializer}
    inputs = [_port(value) for value in loaded.graph.input if value.name not in weights]
    outputs = [_port(value) for value in loaded.graph.output]
    batch = check_interface(spec, model, inputs, outputs, splits=splits)
    stated = {entry.key: entry.value for entry in loaded.metadata_props}.get(PRECISION_KEY)
    check_precision(spec, model, read_precision(spec, model, stated))
    return batch


def _port(value: onnx.ValueInfoProto) -> Port:
    import onnx

    from retinaface.export.onnx_graph import type_name

    tensor = value.type.tensor_type
    axes = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim]
    types: dict[int, type[np.floating[Any]]] = {
        onnx.TensorProto.FLOAT: np.float32,
        onnx.TensorProto.FLOAT16: np.float16,
    }
    name = type_name(tensor.elem_type).lower()
    return Port(value.name, name, types.get(tensor.elem_type), axes)
