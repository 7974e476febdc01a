"""Write what `retinaface evaluate` and `retinaface score` keep: records, and lists of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from retinaface.engines.base import Engine
    from retinaface.export.manifest import WeightsSource
    from retinaface.records.traced_images import ImageStages
    from retinaface.storage.location import Location
    from retinaface.widerface.dataset import WiderFace
    from retinaface.widerface.evaluation import Evaluation
    from retinaface.widerface.ground_truth import GroundTruth
    from retinaface.widerface.scoring import Score


@dataclass(frozen=True)
class Selected:
    """Images to run, the ground truth to score them by, and notes on both.

    Attributes:
        label: What the scoring rule says of AP; empty for the official one.
    """

    dataset: WiderFace
    truth: GroundTruth
    notes: list[str]
    label: str = ""


def check_outputs(predictions: Path | None, output: Location | None, model: Path | None) -> None:
    """Refuse folders that cannot take what is kept, before anything runs.

    Args:
        predictions: Of texts.
        output: Of the record.
        model: Which the record keeps.
    """
    from retinaface.export.manifest import read_manifest
    from retinaface.storage.writing import check_new

    for folder in (predictions, output):
        if folder is not None:
            check_new(folder)
    if output is not None and model is not None:
        read_manifest(model)  # which the record keeps: a damaged one is found before the run
    if predictions is not None and isinstance(output, Path):
        one, other = predictions.resolve(), output.resolve()
        if one == other or one in other.parents or other in one.parents:
            raise click.UsageError(
                "--output and --predictions are one folder, or one is inside the other; name two"
            )


def unknown_words(source: WeightsSource | None) -> str:
    """Give the end of a warning that next to nothing was found; empty for a known checkpoint."""
    from retinaface.network.weights import is_known
    from retinaface.widerface.plausibility import unknown_checkpoint

    if source is None or is_known(source.sha256):
        return ""
    return f"; {unknown_checkpoint(source.source)}"


def name_part(folder: Path | None, selected: Selected) -> None:
    """Name the images of a run over a part of the set, so that `score` counts no others.

    Args:
        folder: Of its predictions; None where it writes none.
    """
    from retinaface.widerface.run_list import write_run_list
    from retinaface.widerface.subsets import WHOLE, name_of_part

    truth = selected.truth
    if folder is not None and name_of_part(truth.images, truth.all_images) != WHOLE:
        write_run_list(folder, truth.images, selected.label)


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


def write_score(folder: Path, score: Score, settings: Mapping[str, Any]) -> None:
    """Write the record of scored predictions into a folder: AP, and the counts behind it.

    It names no engine, for any detector may have written the files, and keeps no detections, which
    have no landmarks.

    Args:
        folder: A new folder.
        settings: Settings of the command; JSON types.
    """
    from retinaface.embedded import embedded_truth_sha256
    from retinaface.records.result_id import PREDICTIONS
    from retinaface.records.write import Kept, new_record, write_record
    from retinaface.widerface.scoring import coverage_note

    result = {
        "id": PREDICTIONS,
        "source": PREDICTIONS,
        "scoring": settings["scoring"],
        "coverage": coverage_note(score.truth),
        "ap": score.ap,
        "n_images": score.n_images,
        "n_detections": score.n_detections,
    }
    record = new_record() | {
        "ap": score.ap,
        "coverage": {
            "n_images": score.n_images,
            "n_images_total": score.truth.n_images_total,
            "subset": settings["subset"],
            "ground_truth_sha256": dict(score.truth.sha256),
            "embedded": score.truth.sha256 == embedded_truth_sha256(),
            "notes": score.notes,
        },
        "results": [result],
        "warnings": [f"{PREDICTIONS}: {text}" for text in score.warnings],
    }
    write_record(folder, record, {PREDICTIONS: Kept(None, score.counts, score.truth.images)})
