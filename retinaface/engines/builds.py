"""What engines share whose builds are files: a cache of them, and a first look at their outputs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.assets import cache_dir
from retinaface.engines.base import EngineSpec
from retinaface.errors import EngineUnavailable, RetinaFaceError, first_line
from retinaface.files import file_sha256, new_file
from retinaface.network.config import OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.typing import FloatArray

_SOFTMAX_SLACK = 0.01  # FP16 keeps 11 bits: two probabilities add up to 1 within 0.001


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


@contextlib.contextmanager
def refusing(doing: str) -> Iterator[None]:
    """Turn whatever a compiler raises into a refusal of a line.

    Args:
        doing: Who cannot do what, as `acme-x1-fp16: acme 2.1.0 cannot build model.onnx`.

    Raises:
        EngineUnavailable: The build failed.
    """
    try:
        yield
    except RetinaFaceError:
        raise
    except Exception as error:  # compilers' exceptions have no base of their own
        raise EngineUnavailable(
            f"{doing}: {type(error).__name__}: {first_line(error)}; try a file of another opset or "
            "exporter"
        ) from error


def build_seconds(started: float, file: Path) -> float:
    """Tell how long an engine took from its source, also where the build was in the cache.

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
        scores: (N, P, 2) of a probe.

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
    """List the shapes of `loc`, `conf`, `landmarks`."""
    return [(batch, n_priors, width) for width in OUTPUT_WIDTHS.values()]
