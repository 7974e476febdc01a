"""Make what a record keeps of an evaluation, whichever command made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import ImageStages, spread, trace
from retinaface.records.write import Kept, images_sha256
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import Evaluation


def trace_a_few(
    engine: Engine, pipeline: Pipeline, dataset: WiderFace, evaluation: Evaluation
) -> list[ImageStages]:
    """Run a few images of an evaluation once more, with every stage kept."""
    names = spread(tuple(evaluation.detections))
    return trace(engine, pipeline, {name: dataset.read_bytes(name) for name in names})


def evaluated_result(
    result_id: ResultId,
    evaluation: Evaluation,
    engine: Mapping[str, Any],
    *,
    precision: str,
    coverage: str,
    scoring: str = "official",
) -> dict[str, Any]:
    """Make the result of an evaluation; JSON types.

    Args:
        engine: Its description, see `Engine.describe`.
        precision: Of the engine, which a third party's description may leave out.
        coverage: How much of the set it covers, in words.
        scoring: The rule by which the images were chosen.
    """
    return {
        "id": str(result_id),
        "engine": {**engine, "name": result_id.engine},
        "pipeline": result_id.pipeline,
        "precision": precision,
        "batch": result_id.batch,
        "scoring": scoring,
        "coverage": coverage,
        "ap": evaluation.ap,
        "n_images": len(evaluation.images),
        "n_detections": sum(len(d.scores) for d in evaluation.detections.values()),
        "image_files_sha256": images_sha256(evaluation.image_sha256),
        "detect_s": evaluation.detect_s,
    }


def evaluated_arrays(
    evaluation: Evaluation, stages: Sequence[ImageStages], model: Path | None
) -> Kept:
    """Collect what is kept beside the figures.

    Args:
        stages: A few of its images at every stage.
        model: The file that the engine ran; None for one that builds the network itself.
    """
    return Kept(
        evaluation.detections,
        evaluation.counts,
        evaluation.images,
        evaluation.image_sha256,
        stages,
        model,
    )
