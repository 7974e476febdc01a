"""What engines share whose builds are files: source, batch size, cache, a first look at outputs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.assets import cache_dir
from retinaface.engines.base import EngineSpec
from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable, first_line
from retinaface.files import file_sha256, new_file
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES, OUTPUT_WIDTHS, PRECISION_KEY
from retinaface.typing import FloatArray

DEFAULT_BATCH = 32  # of the published figures
_SOFTMAX_SLACK = 0.01  # FP16 keeps 11 bits: two probabilities add up to 1 within 0.001


@dataclass(frozen=True)
class Source:
    """An ONNX file that an engine is built from.

    Attributes:
        path: The file.
        batch: Its batch size; None where it is free.
        outputs: Names.
    """

    path: Path
    batch: int | None
    outputs: tuple[str, ...]


def fixed_size(spec: EngineSpec) -> tuple[int, int]:
    """Height and width of every input.

    Raises:
        EngineUnavailable: The input size follows the image.
    """
    if spec.height_px is None or spec.width_px is None:
        raise EngineUnavailable(
            f"{spec.name}: engines are built for one input size, but free height and width are "
            "needed; use a pipeline of fixed size: --pipeline igie"
        )
    return spec.height_px, spec.width_px


def batch_option(spec: EngineSpec) -> int | None:
    """The batch size that `--engine-option batch=N` asks for.

    Raises:
        EngineUnavailable: It is no positive number.
    """
    text = spec.options.get("batch")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise EngineUnavailable(f"{spec.name}: option batch must be a number >= 1, got {text!r}")
    return int(text)


def check_batch(spec: EngineSpec, batch: int, model: Path) -> None:
    """Refuse a batch size that is smaller than what the run needs, or not what was asked for.

    Raises:
        EngineUnavailable: As said.
    """
    wanted = batch_option(spec)
    if wanted not in (None, batch):
        raise EngineUnavailable(
            f"{spec.name}: {model} takes batches of {batch}, but batch={wanted} is asked for; "
            f"leave the option out, or build the engine with a batch of {wanted}"
        )
    if spec.max_batch > batch:
        raise EngineUnavailable(
            f"{spec.name}: {model} takes batches of {batch}, but up to {spec.max_batch} are asked "
            f"for; use --batch {batch}, or build with --engine-option batch={spec.max_batch}"
        )


def read_source(
    spec: EngineSpec, size: tuple[int, int], n_outputs: Collection[int] = (len(OUTPUT_NAMES),)
) -> Source:
    """Read what an engine is to be built from; the runtime makes FP16 of FP32 by itself.

    Args:
        spec: What the engine is asked to be.
        size: Height and width of the file's input.
        n_outputs: How many outputs it may have.

    Raises:
        EngineUnavailable: No file is named, onnx is not installed, the file is not readable, or has
            another input, other outputs, or FP16 weights.
    """
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
        import onnx

        from retinaface.export.onnx_graph import axes_of
    try:
        model = onnx.load(path, load_external_data=False)
        shape = axes_of(model.graph.input[0])
    except Exception as error:  # protobuf's exceptions have no common base with onnx's
        raise EngineUnavailable(
            f"{spec.name} cannot read {path}: {type(error).__name__}: {first_line(error)}; give an "
            "ONNX file, or a build with --engine-file FILE"
        ) from error
    inputs = [value.name for value in model.graph.input]
    outputs = tuple(value.name for value in model.graph.output)
    if (
        inputs != [INPUT_NAME]
        or len(outputs) not in n_outputs
        or (len(outputs) == len(OUTPUT_NAMES) and outputs != OUTPUT_NAMES)
        or tuple(shape[1:]) != (3, *size)
    ):
        raise EngineUnavailable(
            f"{spec.name} cannot build from {path}: expected {INPUT_NAME} (N, 3, {size[0]}, "
            f"{size[1]}) -> {', '.join(OUTPUT_NAMES)}{' or nine heads' if 9 in n_outputs else ''}, "
            f"got {', '.join(inputs)} {shape} -> {', '.join(outputs)}; export with --batch-size "
            "dynamic and without --dynamic-size"
        )
    stated = {entry.key: entry.value for entry in model.metadata_props}.get(PRECISION_KEY)
    is_half = any(t.data_type == onnx.TensorProto.FLOAT16 for t in model.graph.initializer)
    if stated == "fp16" or is_half:
        raise EngineUnavailable(
            f"{spec.name} builds from FP32 and makes {spec.precision.upper()} of it by itself, but "
            f"the weights of {path} are FP16; export with --precision fp32"
        )
    return Source(path, shape[0] if isinstance(shape[0], int) else None, outputs)


def source_batch(spec: EngineSpec, source: Source) -> int:
    """The batch size to build for: the option's, else 32; the file's where that is fixed.

    Raises:
        EngineUnavailable: The file is of another batch size, or the run needs more.
    """
    batch = source.batch or batch_option(spec) or DEFAULT_BATCH
    check_batch(spec, batch, source.path)
    return batch


def cached_build(
    spec: EngineSpec,
    source: Path,
    suffix: str,
    key: Mapping[str, Any],
    build: Callable[[Path], None],
) -> Path:
    """Find a build in the cache, or make it: once for each source, setting, version and number.

    Beside it is written what it was made of, and how long that took: see `build_seconds`.

    Args:
        spec: What the engine is asked to be: its name, precision, size, options and `build` are
            part of what is looked up.
        source: What it is built from.
        suffix: Of the file's name.
        key: Everything else that the result depends on: batch, target, versions; JSON types.
        build: Writes the file; whole or not at all.
    """
    whole = {
        **key,
        "source": file_sha256(source),
        "precision": spec.precision,
        "size": [spec.height_px, spec.width_px],
        "options": dict(spec.options),
        "build": spec.build,
    }
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_dir() / "builds" / spec.name / f"retinaface-{digest}{suffix}"
    if not path.is_file():
        started = time.perf_counter()
        with new_file(path) as temporary:
            build(temporary)
        made = {**whole, "build_s": time.perf_counter() - started}
        with new_file(_note_of(path)) as temporary:
            temporary.write_text(json.dumps(made, indent=1), encoding="utf-8")
    return path


def build_seconds(started: float, file: Path) -> float:
    """How long an engine took from its source, also where the build was in the cache.

    Args:
        started: When opening it began, as `time.perf_counter()` said.
        file: The build. One that was not made here counts as no work.
    """
    elapsed_s = time.perf_counter() - started
    try:
        return max(elapsed_s, float(json.loads(_note_of(file).read_bytes())["build_s"]))
    except (OSError, ValueError, KeyError, TypeError):  # no note, or a file of somebody else's
        return elapsed_s


def _note_of(build: Path) -> Path:
    return build.with_name(f"{build.name}.json")


def check_scores(spec: EngineSpec, scores: FloatArray, model: Path) -> None:
    """See that the second output is what softmax gives: two values that add up to 1.

    Args:
        spec: What the engine is asked to be.
        scores: (N, P, 2) of a probe.
        model: The file.

    Raises:
        EngineUnavailable: It is something else.
    """
    sums = scores.astype(np.float64).sum(axis=-1)
    off = np.abs(sums - 1).max(initial=0.0)
    if not off <= _SOFTMAX_SLACK or scores.min() < 0:  # a NaN is not <=
        raise EngineUnavailable(
            f"{spec.name}: {OUTPUT_NAMES[1]} of {model} should be probabilities that add up to 1, "
            f"got sums off by up to {off:.3g}; build from a file with softmax in its graph"
        )


def output_shapes(batch: int, n_priors: int) -> list[tuple[int, ...]]:
    """Shapes of `loc`, `conf`, `landmarks`."""
    return [(batch, n_priors, width) for width in OUTPUT_WIDTHS.values()]
