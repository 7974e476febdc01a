"""Evaluate engines over the images of a run, with proof that this engine ran in this run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from retinaface.records.evaluated import evaluated_arrays, evaluated_result
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import ImageStages, spread, trace
from retinaface.suite.pool import EnginePool
from retinaface.suite.run import ValidationRun
from retinaface.typing import FloatArray
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import Evaluation, evaluate


class Witness(Engine):
    """Passes calls on and counts images; it does not own the engine, so it does not close it."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner.spec)
        self._inner = inner
        self.fixed_batch = inner.fixed_batch
        self.n_images = 0

    def infer(self, images: FloatArray) -> RawOutputs:
        """See `Engine.infer`."""
        self.n_images += len(images)
        return self._inner.infer(images)

    def infer_intermediates(
        self, images: FloatArray, names: Sequence[str]
    ) -> dict[str, FloatArray]:
        """See `Engine.infer_intermediates`."""
        return self._inner.infer_intermediates(images, names)

    def _run(self, images: FloatArray) -> RawOutputs:
        return self._inner.infer(images)

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return self._inner.describe()


@dataclass(frozen=True)
class Measured:
    """An evaluation, the number of images that the engine ran for it, and what to keep of it."""

    evaluation: Evaluation
    n_inferred: int
    batch: int
    engine: dict[str, Any]
    stages: list[ImageStages]
    model: Path | None


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
    n_inferred = engine.n_images
    traced = {name: dataset.read_bytes(name) for name in spread(tuple(evaluation.detections))}
    stages = trace(engine, pipeline, traced)
    return Measured(evaluation, n_inferred, batch, engine.describe(), stages, engine.spec.model)


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
