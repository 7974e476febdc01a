"""Read the ONNX file and the batch size that an engine is built from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable, first_line, shortened
from retinaface.formats.faults import FormatError
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES

DEFAULT_BATCH = 32  # as in the published figures


@dataclass(frozen=True)
class Source:
    """An ONNX file to build an engine from.

    Attributes:
        batch: The file's batch size; None where it is free.
    """

    path: Path
    batch: int | None


def fixed_size(spec: EngineSpec) -> tuple[int, int]:
    """Give height and width of every input.

    Raises:
        EngineUnavailable: The input size depends on the image.
    """
    if spec.height_px is None or spec.width_px is None:
        raise EngineUnavailable(
            f"{spec.name}: engines are built for one input size, but free height and width are "
            "needed; use a pipeline of fixed size: --pipeline igie"
        )
    return spec.height_px, spec.width_px


def batch_option(spec: EngineSpec) -> int | None:
    """Read the batch size from `--engine-option batch=N`.

    Raises:
        EngineUnavailable: The value is not a positive number.
    """
    text = spec.options.get("batch")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise EngineUnavailable(f"{spec.name}: option batch must be a number >= 1, got {text!r}")
    return int(text)


def check_batch(spec: EngineSpec, batch: int, model: Path) -> None:
    """Refuse a batch size that differs from the option.

    Raises:
        EngineUnavailable: The batch size is refused.
    """
    wanted = batch_option(spec)
    if wanted not in (None, batch):
        raise EngineUnavailable(
            f"{spec.name}: {model} takes batches of {batch}, but batch={wanted} is asked for; "
            f"leave the option out, or build the engine with a batch of {wanted}"
        )


def check_largest(spec: EngineSpec, batch: int, model: Path) -> None:
    """Refuse a largest batch that is smaller than the run needs, where batches are not split.

    Raises:
        EngineUnavailable: The batch size is refused.
    """
    if spec.max_batch > batch:
        raise EngineUnavailable(
            f"{spec.name}: {model} takes batches of {batch}, but up to {spec.max_batch} are asked "
            f"for; use --batch {batch}, or build with --engine-option batch={spec.max_batch}"
        )


def read_source(
    spec: EngineSpec, size: tuple[int, int], n_outputs: Collection[int] = (len(OUTPUT_NAMES),)
) -> Source:
    """Read the file to build an engine from; the runtime converts FP32 to FP16 itself.

    Args:
        size: Height and width of the file's input.
        n_outputs: Allowed numbers of outputs.

    Raises:
        EngineUnavailable: No file is named, onnx is not installed, or the file is not readable or
            has another input, other outputs, or FP16 weights.
    """
    path, model, axes = _load(spec)
    from retinaface.export.stored_precision import stored_precision

    inputs = [value.name for value in model.graph.input]
    outputs = tuple(value.name for value in model.graph.output)
    if (
        inputs != [INPUT_NAME]
        or len(outputs) not in n_outputs
        or (len(outputs) == len(OUTPUT_NAMES) and outputs != OUTPUT_NAMES)
        or tuple(axes[1:]) != (3, *size)
    ):
        got = shortened(f"{', '.join(inputs)} {axes} -> {', '.join(outputs)}")
        raise EngineUnavailable(
            f"{spec.name} cannot build from {path}: expected {INPUT_NAME} (N, 3, {size[0]}, "
            f"{size[1]}) -> {', '.join(OUTPUT_NAMES)}{' or nine heads' if 9 in n_outputs else ''}, "
            f"got {got}; export with --batch-size dynamic and without --dynamic-size"
        )
    if (precision := stored_precision(model)) != "fp32":
        raise EngineUnavailable(
            f"{spec.name} builds from FP32 and converts to {spec.precision.upper()} itself, but "
            f"the weights of {path} are {precision.upper()}; export with --precision fp32"
        )
    return Source(path, axes[0] if isinstance(axes[0], int) else None)


def _load(spec: EngineSpec) -> tuple[Path, Any, tuple[int | str, ...]]:
    """Load the file; return its path, its model, and the axes of its input."""
    path = spec.model
    if path is None:
        raise EngineUnavailable(
            f"{spec.name} needs an ONNX file to build from, or a build; give --model FILE.onnx or "
            "--engine-file FILE"
        )
    with importing(
        f"{spec.name} builds from {path}, and reading it needs onnx, which",
        "pip install onnx, or give a build: --engine-file FILE",
    ):
        import onnx  # noqa: F401 - the question is whether it can be imported

        from retinaface.export.onnx_graph import axes_of
        from retinaface.export.onnx_read import read_graph
    try:
        model = read_graph(path, with_weights=False)
    except (FormatError, OSError) as error:
        raise EngineUnavailable(
            f"{spec.name} cannot read {path}: {first_line(error)}; give an ONNX file, or a build "
            "with --engine-file FILE"
        ) from error
    return path, model, axes_of(model.graph.input[0]) if model.graph.input else ()


def source_batch(spec: EngineSpec, source: Source) -> int:
    """Choose the batch size to build for: a fixed one of the file, else the option's, else 32.

    Raises:
        EngineUnavailable: The file has another batch size.
    """
    batch = source.batch or batch_option(spec) or DEFAULT_BATCH
    check_batch(spec, batch, source.path)
    return batch
