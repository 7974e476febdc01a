"""Write the record of `retinaface evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinaface.engines.base import Engine
    from retinaface.records.traced_images import ImageStages
    from retinaface.widerface.dataset import WiderFace
    from retinaface.widerface.evaluation import Evaluation
    from retinaface.widerface.ground_truth import GroundTruth


@dataclass(frozen=True)
class Selected:
    """Images to run, the ground truth to score them by, and notes on both."""

    dataset: WiderFace
    truth: GroundTruth
    notes: list[str]


def write_evaluation(
    folder: Path,
    engine: Engine,
    selected: Selected,
    result: Evaluation,
    traced: list[ImageStages],
    settings: Mapping[str, Any],
) -> None:
    """Write the record of an evaluation into a folder.

    Args:
        folder: A new folder.
        traced: Stages of a few images.
        settings: Settings of the command; JSON types.
    """
    from retinaface.engines.origin import checkpoint_of
    from retinaface.records.evaluated import evaluated_arrays, evaluated_result
    from retinaface.records.result_id import ResultId
    from retinaface.records.warnings import weights_warning
    from retinaface.records.write import new_record, write_record
    from retinaface.widerface.scoring import coverage_note

    entry = evaluated_result(
        ResultId(engine.spec.name, settings["pipeline"], settings["batch"]),
        result,
        engine.describe(),
        precision=engine.spec.precision,
        coverage=coverage_note(selected.truth),
        scoring=settings["scoring"],
    )
    origin = checkpoint_of(engine)
    record = new_record() | {
        "ap": entry["ap"],
        "warnings": weights_warning(origin.source, origin.sha256, [entry]) if origin else [],
        "coverage": _coverage(selected, result, entry["image_files_sha256"], settings),
        "results": [entry],
    }
    kept = evaluated_arrays(result, traced, engine.spec.model)
    write_record(folder, record, {entry["id"]: kept})


def _coverage(
    selected: Selected, result: Evaluation, images: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "n_images": len(selected.truth.images),
        "n_images_total": selected.truth.n_images_total,
        "subset": settings["subset"],
        "limit": settings["limit"],
        "image_files_sha256": images,
        "ground_truth_sha256": dict(selected.truth.sha256),
        "bad_images": result.bad_images,
        "embedded": settings["embedded"],
        "notes": selected.notes,
    }
