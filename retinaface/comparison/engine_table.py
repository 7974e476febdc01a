"""Put engines side by side, from run records alone: error, detections, AP, speed, build time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinaface.checks.speed.turns import YARDSTICK, middle_of_turns
from retinaface.records.read import Run
from retinaface.records.result_id import ResultId
from retinaface.records.schema import Result
from retinaface.widerface.ground_truth import SPLITS

# The figures are those of the published pipeline and batch.
PIPELINE, BATCH = "igie", 32
COLUMNS = (
    "engine",
    "runtime",
    "largest error",
    "of the limit",
    "detections without a counterpart (%)",
    "AP easy / medium / hard (%)",
    f"images/s over {YARDSTICK}",
    "build (s)",
)


@dataclass(frozen=True)
class EngineRow:
    """The figures of one engine in a run; None where it was not measured.

    Attributes:
        runtime: With its version.
        largest_error: Largest absolute error of a raw output against float64 torch.
        of_the_limit: Largest error over what rounding to its precision allows.
        unmatched: Percent of detections without a counterpart in the baseline of the pipeline.
        ap: Of the pipeline, percent, by split.
        n_images: Number of images behind AP.
        speed_ratio: Images/s of the network over those of `YARDSTICK`, in turns with it: the values
            below which a tenth, half and nine tenths of the turns lie.
        build_s: From the file on disk to an engine that has proved where it runs, with the time
            that a cached build once took.
        run: Name of the record.
    """

    engine: str
    runtime: str
    largest_error: float | None
    of_the_limit: float | None
    unmatched: float | None
    ap: Mapping[str, float] | None
    n_images: int | None
    speed_ratio: Sequence[float] | None
    build_s: float | None
    run: str

    def cells(self) -> list[str]:
        """Write the figures as text, in the order of `COLUMNS`."""
        ap = " / ".join(f"{value:.2f}" for value in self.ap.values()) if self.ap else ""
        if self.ap and tuple(self.ap) != SPLITS:
            ap = f"{ap} ({', '.join(self.ap)})"
        return [
            self.engine,
            self.runtime,
            _text(self.largest_error, ".2g"),
            _text(self.of_the_limit, ".2f"),
            _text(self.unmatched, ".3f"),
            ap,
            "{1:.2f} ({0:.2f} to {2:.2f})".format(*self.speed_ratio) if self.speed_ratio else "",
            _text(self.build_s, ".2f"),
        ]


def engine_rows(runs: Sequence[Run]) -> list[EngineRow]:
    """Make a row for each engine of each run, in their order.

    Args:
        runs: Records of `validate`.
    """
    return [row for run in runs for row in _rows(run)]


def _rows(run: Run) -> Iterator[EngineRow]:
    described: dict[str, Mapping[str, Any]] = {}
    for result in run.results.values():
        if result.engine.get("name"):
            described.setdefault(str(result.engine["name"]), result.engine)
    for name, engine in described.items():
        scored = run.results.get(str(ResultId(name, PIPELINE, BATCH)), Result(id=name))
        errors = [e for r in run.results.values() if r.key.engine == name for e in r.fidelity]
        turns = scored.images_per_s_over.get(YARDSTICK)
        found = scored.differences
        yield EngineRow(
            engine=name,
            runtime=str(engine.get("runtime", "")),
            largest_error=_largest([error.max_abs for error in errors]),
            of_the_limit=_largest([error.ratio for error in errors]),
            unmatched=None if found is None else 100 * found.share,
            ap={split: 100 * value for split, value in scored.ap.items()} or None,
            n_images=scored.n_images,
            speed_ratio=list(middle_of_turns(turns)) if turns else None,
            build_s=engine.get("build_s"),
            run=run.name,
        )


def _largest(values: Sequence[float]) -> float | None:
    """Find the largest value; a NaN counts as larger than any number."""
    return max(values, key=lambda x: (math.isnan(x), x)) if values else None


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
