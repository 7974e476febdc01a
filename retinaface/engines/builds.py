"""Cache builds that are files, and check their first outputs, for several engines."""

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
from retinaface.engines.devices.failures import device_failure
from retinaface.errors import EngineUnavailable, RetinaFaceError, first_line
from retinaface.export.cached_files import is_as_written, remember, why_again
from retinaface.export.external_data import model_sha256
from retinaface.files import new_file
from retinaface.network.config import OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.telling.work import working
from retinaface.typing import FloatArray

_SOFTMAX_SLACK = 0.01  # FP16 keeps 11 bits: two probabilities add up to 1 within 0.001


def cached_build(
    spec: EngineSpec,
    source: Path,
    suffix: str,
    key: Mapping[str, Any],
    build: Callable[[Path], None],
) -> Path:
    """Find a build in the cache or make it, once for each source, setting, version and number.

    A note beside the build holds its key and its build time: see `build_seconds`. A build whose
    content is not what was written is made again, and the work says so.

    Args:
        spec: Its name, precision, size, options and `build` are part of the key.
        suffix: Suffix of the file's name.
        key: Everything else that the result depends on: batch, target, versions; JSON types.
        build: Writes the file; whole or not at all.
    """
    whole = {
        **key,
        "source": model_sha256(source),
        "precision": spec.precision,
        "size": [spec.height_px, spec.width_px],
        "options": dict(spec.options),
        "build": spec.build,
    }
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_dir() / "builds" / spec.name / f"retinaface-{digest}{suffix}"
    if not is_as_written(path):
        started = time.perf_counter()
        what = f"building {spec.name} from {source.name}, once; the cache keeps it"
        what += why_again(path)
        with working(what), new_file(path) as temporary:
            build(temporary)
        made = {**whole, "build_s": time.perf_counter() - started}
        with new_file(_note_of(path)) as temporary:
            temporary.write_text(json.dumps(made, indent=1), encoding="utf-8")
        remember(path)
    return path


@contextlib.contextmanager
def refusing(doing: str) -> Iterator[None]:
    """Turn any exception of a compiler into a one-line refusal.

    Args:
        doing: The failed action, as in `acme-x1-fp16: acme 2.1.0 cannot build model.onnx`.

    Raises:
        EngineUnavailable: The build failed.
    """
    try:
        yield
    except RetinaFaceError:
        raise
    except Exception as error:  # compilers' exceptions share no base
        failure = device_failure(error)
        what = failure.what if failure else first_line(error)
        step = failure.next_step if failure else "try a file of another opset or exporter"
        raise EngineUnavailable(f"{doing}: {type(error).__name__}: {what}; {step}") from error


def build_seconds(started: float, file: Path) -> float:
    """Compute the seconds from source to engine, even if the build was in the cache.

    Args:
        started: The value of `time.perf_counter()` when opening began.
        file: The build; a file from elsewhere adds no time.
    """
    elapsed_s = time.perf_counter() - started
    try:
        return max(elapsed_s, float(json.loads(_note_of(file).read_bytes())["build_s"]))
    except (OSError, ValueError, KeyError, TypeError):  # no note, or a file from elsewhere
        return elapsed_s


def _note_of(build: Path) -> Path:
    return build.with_name(f"{build.name}.json")


def check_scores(spec: EngineSpec, scores: FloatArray, model: Path) -> None:
    """Check that the second output is what the specification says: a softmax, or logits.

    Args:
        scores: (N, P, 2), from a probe.

    Raises:
        EngineUnavailable: The values do not add up to 1, or do though they should be logits.
    """
    off = np.abs(scores.astype(np.float64).sum(axis=-1) - 1).max(initial=0.0)
    is_softmax = off <= _SOFTMAX_SLACK and scores.min() >= 0  # a NaN is not <=
    if is_softmax and spec.scores == "logits":
        raise EngineUnavailable(
            f"{spec.name}: {OUTPUT_NAMES[1]} of {model} are probabilities already; leave "
            "--scores logits out"
        )
    if not is_softmax and spec.scores == "probabilities":
        raise EngineUnavailable(
            f"{spec.name}: {OUTPUT_NAMES[1]} of {model} should be probabilities that add up to 1, "
            f"got sums off by up to {off:.3g}; build from a file with softmax in its graph, or "
            "give --scores logits, which applies it"
        )


def output_shapes(batch: int, n_priors: int) -> list[tuple[int, ...]]:
    """List the shapes of `loc`, `conf`, `landmarks`."""
    return [(batch, n_priors, width) for width in OUTPUT_WIDTHS.values()]
