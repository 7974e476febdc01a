"""Keep the parts of an evaluation by what it is, so that the same command finds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinaface.cli.evaluation_record import Selected
    from retinaface.engines.base import Engine
    from retinaface.widerface.unfinished.parts import Parts


def open_parts(
    engine: Engine, selected: Selected, settings: Mapping[str, Any], *, resumes: bool
) -> Parts | None:
    """Open the parts of an evaluation, in the cache.

    Args:
        engine: Open.
        settings: Of the command; JSON types.
        resumes: Whether what a killed process left is gone on with.

    Returns:
        None where batches cannot be told apart: those of images of any size, several in one.
    """
    from retinaface.assets import cache_dir
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.widerface.unfinished.parts import Parts

    batch_size = settings["batch"]
    if batch_size > 1 and PIPELINES[settings["pipeline"]].input_size_px is None:
        return None
    text = json.dumps(_identity(engine, selected, settings), sort_keys=True, default=str)
    key = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
    place = cache_dir() / "unfinished" / f"{engine.spec.name}-{settings['pipeline']}-{key}"
    return Parts(place, batch_size, resumes=resumes)


def _identity(engine: Engine, selected: Selected, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what detections depend on, but for the content of images, which is compared later."""
    from retinaface.engines.importing import outside_code
    from retinaface.engines.origin import checkpoint_of
    from retinaface.environment import describe_environment
    from retinaface.export.external_data import model_sha256
    from retinaface.storage.hashing import file_sha256, modules_sha256

    spec, truth = engine.spec, selected.truth
    origin = checkpoint_of(engine)
    return {
        "settings": dict(settings),
        "images": [str(selected.dataset.root), *truth.images],
        "ground truth": dict(truth.sha256),
        "engine": [spec.name, spec.precision, spec.threads, dict(spec.options), spec.scores],
        "engine's code": outside_code(spec.name),
        "model": spec.model and model_sha256(spec.model),
        "engine file": spec.engine_file and file_sha256(spec.engine_file),
        "weights": None if origin is None else origin.sha256,
        "environment": describe_environment(),
        "code": modules_sha256(Path(__file__).parents[1]),
    }
