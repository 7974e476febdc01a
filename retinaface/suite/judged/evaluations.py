"""Evaluate engines over the images of a run, with proof that this engine ran in this run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.detection.detector import Job
from retinaface.detection.pipelines import PIPELINES, Pipeline
from retinaface.records.evaluated import evaluated_arrays, evaluated_result, trace_a_few
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import ImageStages
from retinaface.suite.judged.witness import Seen, Witness
from retinaface.suite.pool import EnginePool
from retinaface.suite.run import ValidationRun
from retinaface.telling.work import working
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import Evaluation, Spent, evaluate_together
from retinaface.widerface.scoring import coverage_note


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


@dataclass(frozen=True)
class _Subject:
    """One pipeline of a pass: its engine behind a witness, and the job that runs it."""

    witness: Witness
    job: Job


def measure(
    pool: EnginePool, dataset: WiderFace, engine_name: str, pipeline_names: Sequence[str]
) -> tuple[dict[str, Measured | Exception], Spent]:
    """Evaluate an engine of a run by pipelines of the run, in one pass over the images.

    Each pipeline has the batches that it would have alone, and a witness of its own. Where the
    engine raises for one pipeline, the others go on: that pipeline has the error for a result.

    Returns:
        What was measured by pipeline, or why nothing was; and where the time went.
    """
    subjects: dict[str, _Subject] = {}
    found: dict[str, Measured | Exception] = {}
    for name in pipeline_names:
        try:
            subjects[name] = _subject(pool, engine_name, PIPELINES[name])
        except Exception as error:  # noqa: BLE001 - kept: the tests of this pipeline raise it
            found[name] = error
    if not subjects:
        return found, Spent(0.0, 0.0, 0.0)
    evaluations, spent = evaluate_together(
        [subject.job for subject in subjects.values()],
        dataset,
        dataset.select(pool.target.subset),
        skip_bad_images=True,
        progress=True,
    )
    for (name, subject), evaluation in zip(subjects.items(), evaluations, strict=True):
        try:
            found[name] = _measured(subject, evaluation, dataset)
        except Exception as error:  # noqa: BLE001 - kept: the tests of this pipeline raise it
            found[name] = error
    return found, spent


def _subject(pool: EnginePool, engine_name: str, pipeline: Pipeline) -> _Subject:
    engine = pool.get(engine_name, size_px=pipeline.input_size_px, shares_cpus=True)
    witness = Witness(engine)
    return _Subject(witness, Job(witness, pipeline, pool.target.batch or pipeline.batch_size))


def _measured(
    subject: _Subject, evaluation: Evaluation | Exception, dataset: WiderFace
) -> Measured:
    """Add to an evaluation what its witness saw, and a few images at every stage.

    Raises:
        Exception: What ended the evaluation.
    """
    if isinstance(evaluation, Exception):
        raise evaluation
    witness, job = subject.witness, subject.job
    n_inferred, seen = witness.n_images, witness.seen()
    stages = trace_a_few(witness, job.pipeline, dataset, evaluation)
    found, model = witness.describe(), witness.spec.model
    return Measured(evaluation, n_inferred, job.batch_size, found, stages, model, seen)


def evaluate_for_run(
    run: ValidationRun,
    pool: EnginePool,
    dataset: WiderFace,
    engine_name: str,
    pipeline_names: Sequence[str],
) -> dict[str, Measured | Exception]:
    """Evaluate an engine as `measure` does, and keep results and times in the record of a run."""
    truth = dataset.select(pool.target.subset)
    words = f"{len(pipeline_names)} pipelines" if len(pipeline_names) > 1 else pipeline_names[0]
    with working(f"{engine_name}: {len(truth.images)} images, {words}"):
        found, spent = measure(pool, dataset, engine_name, pipeline_names)
    for name, measured in found.items():
        if isinstance(measured, Exception):
            continue
        result_id = ResultId(engine_name, name, measured.batch)
        try:
            record_evaluation(run, result_id, measured, coverage_note(truth))
        except Exception as error:  # noqa: BLE001 - kept: the tests of this pipeline raise it
            found[name] = error
    run.spend("decoding", spent.waiting_s)
    run.spend("inference", spent.inference_s)
    run.spend("scoring", spent.scoring_s)
    return found


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
    run.keep(name, evaluated_arrays(evaluation, measured.stages, measured.model))
