"""Evaluate engines over the images of a run, with proof that this engine ran in this run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.detection.pipelines import PIPELINES
from retinaface.records.evaluated import evaluated_arrays, evaluated_result
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import ImageStages, spread, trace
from retinaface.suite.judged.witness import Seen, Witness
from retinaface.suite.pool import EnginePool
from retinaface.suite.run import ValidationRun
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import Evaluation, evaluate


@dataclass(frozen=True)
class Measured:
    """An evaluation, the number of images that the engine ran for it, and what to keep of it."""

    evaluation: Evaluation
    n_inferred: int
    batch: int
    engine: dict[str, Any]
    stages: list[ImageStages]
    model: Path | None
    seen: Seen


def measure(pool: EnginePool, dataset: WiderFace, engine_name: str, pipeline_name: str) -> Measured:
    """Evaluate an engine of a run by one of its pipelines."""
    target, pipeline = pool.target, PIPELINES[pipeline_name]
    engine = Witness(pool.get(engine_name, size_px=pipeline.input_size_px))
    batch = target.batch or pipeline.batch_size
    evaluation = evaluate(
        engine,
        pipeline,
        dataset,
        dataset.select(target.subset),
        batch_size=batch,
        skip_bad_images=True,
        progress=True,
    )
    n_inferred, seen = engine.n_images, engine.seen()
    traced = {name: dataset.read_bytes(name) for name in spread(tuple(evaluation.detections))}
    stages = trace(engine, pipeline, traced)
    found, model = engine.describe(), engine.spec.model
    return Measured(evaluation, n_inferred, batch, found, stages, model, seen)


def record_evaluation(
    run: ValidationRun, result_id: ResultId, measured: Measured, coverage: str
) -> None:
    """Keep an evaluation in the record of a run, whichever of its tests asked for it.

    Args:
        coverage: How much of the set it covers, in words.
    """
    evaluation = measured.evaluation
    result = evaluated_result(
        result_id,
        evaluation,
        measured.engine,
        precision=measured.engine["precision"],
        coverage=coverage,
    )
    name = result.pop("id")
    run.add_result(name, **result)
    run.kept[name] = evaluated_arrays(evaluation, measured.stages, measured.model)
