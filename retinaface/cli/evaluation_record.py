"""Select what `retinaface evaluate` runs on, and write its record."""

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
    """Images to run, the ground truth to score them by, and what is to be said of both."""

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
        folder: New.
        engine: Open.
        traced: Stages of a few images.
        settings: Of the command; JSON types.
    """
    from retinaface.records.result_id import ResultId
    from retinaface.records.write import Kept, images_sha256, new_record, write_record

    result_id = str(ResultId(engine.spec.name, settings["pipeline"], settings["batch"]))
    images = images_sha256(result.image_sha256)
    record = new_record() | {
        "ap": result.ap,
        "coverage": _coverage(selected, result, images, settings),
        "results": [
            {
                "id": result_id,
                "engine": engine.describe(),
                "pipeline": settings["pipeline"],
                "precision": engine.spec.precision,
                "batch": settings["batch"],
                "scoring": settings["scoring"],
                "ap": result.ap,
                "n_images": len(selected.truth.images),
                "image_files_sha256": images,
                "n_detections": sum(len(d.scores) for d in result.detections.values()),
                "detect_s": result.detect_s,
            }
        ],
    }
    kept = Kept(result.detections, result.counts, result.images, traced, engine.spec.model)
    write_record(folder, record, {result_id: kept})


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
