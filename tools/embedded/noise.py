"""Measure how much AP of the embedded set moves between honest engines, which gives its delta."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retinaface.checks.intervals import paired_ap_intervals
from retinaface.detection.pipelines import PIPELINES
from retinaface.embedded import embedded_root
from retinaface.engines.opening import open_engine
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import Evaluation, evaluate
from retinaface.widerface.ground_truth import SPLITS

EXACT = "ort-cpu-fp32"
# Another runtime, other arithmetic, and FP16 that rounds every intermediate or only the weights.
HONEST = ("torch-cpu-fp32", "opencv-cpu-fp32", "ort-cpu-fp16", "torch-cpu-fp16")


@dataclass(frozen=True)
class Shift:
    """AP of one honest engine minus that of another, in points, with its paired interval.

    Attributes:
        split: easy, medium or hard.
        ap: AP of the exact engine, in percent.
        difference: Difference in points.
        low: Lower end of the interval with 95 % of paired resamples.
        high: Upper end.
    """

    pipeline: str
    engine: str
    split: str
    ap: float
    difference: float
    low: float
    high: float

    @property
    def standard_error(self) -> float:
        """Compute the standard error of the difference, in points, from the interval's width."""
        return (self.high - self.low) / (2 * 1.96)


def honest_shifts() -> Iterator[Shift]:
    """Compare honest engines with all pipelines that they can run."""
    for pipeline in PIPELINES:
        exact = _evaluate(EXACT, pipeline)
        for engine in HONEST:
            if engine.startswith("opencv") and PIPELINES[pipeline].input_size_px is None:
                continue  # built for one size
            found = _evaluate(engine, pipeline)
            intervals = paired_ap_intervals(exact.counts, found.counts)
            for split in SPLITS:
                interval = intervals[split]
                points = 100 * np.array([interval.estimate, interval.low, interval.high])
                yield Shift(pipeline, engine, split, 100 * exact.ap[split], *map(float, points))


def _evaluate(engine: str, pipeline: str) -> Evaluation:
    recipe = PIPELINES[pipeline]
    dataset = open_widerface(embedded_root())
    with open_engine(engine, weights="embedded", input_size_px=recipe.input_size_px) as opened:
        return evaluate(opened, recipe, dataset, dataset.select(), batch_size=recipe.batch_size)
