"""Engines side by side, from run records alone: error, detections, AP, speed, time to build."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retinaface.checks.turns import YARDSTICK, middle_of_turns
from retinaface.records.read import Run
from retinaface.records.result_id import ResultId

# Where the figures are taken: the published pipeline and batch.
PIPELINE, BATCH = "igie", 32
_COUNTERPARTS = "against the baseline: detections without a counterpart"
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
    """What a run found of one engine; None where it was not measured.

    Attributes:
        engine: Its name.
        runtime: With its version.
        largest_error: Largest absolute error of a raw output against float64 torch.
        of_the_limit: Largest error over what rounding to its precision allows.
        unmatched: Percent of detections without a counterpart in the baseline of the pipeline.
        ap: Of the pipeline, percent, by split.
        n_images: That AP is over.
        speed_ratio: Images/s of the network over those of `YARDSTICK`, of turns with it: the
            tenth, the half and nine tenths of the turns lie below.
        build_s: From the file on disk to an engine that has proved where it runs; what a build in
            the cache once took included.
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
        """As text, in the order of `COLUMNS`."""
        ap = " / ".join(f"{value:.2f}" for value in self.ap.values()) if self.ap else ""
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

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def engine_rows(runs: Sequence[Run]) -> list[EngineRow]:
    """A row for each engine of each run, in their order.

    Args:
        runs: Records of `validate`.
    """
    return [row for run in runs for row in _rows(run)]


def _rows(run: Run) -> Iterator[EngineRow]:
    described: dict[str, Mapping[str, Any]] = {}
    for result in run.results.values():
        engine = result.get("engine") or {}
        if engine.get("name"):
            described.setdefault(str(engine["name"]), engine)
    for name, engine in described.items():
        scored = _scored(run, name)
        numbers_of = [check["numbers"] for check in _checks(run, name)]
        errors = [numbers for numbers in numbers_of if "max_abs" in _worst(numbers)]
        yield EngineRow(
            engine=name,
            runtime=str(engine.get("runtime", "")),
            largest_error=_largest(_worst(numbers)["max_abs"] for numbers in errors),
            of_the_limit=_largest(numbers["ratio"] for numbers in errors),
            unmatched=_unmatched(run, name),
            ap={k: 100 * float(v) for k, v in scored["ap"].items()} if scored.get("ap") else None,
            n_images=scored.get("n_images"),
            speed_ratio=_speed_ratio(run, name),
            build_s=engine.get("build_s"),
            run=run.name,
        )


def _scored(run: Run, engine: str) -> Mapping[str, Any]:
    return run.results.get(str(ResultId(engine, PIPELINE, BATCH)), {})


def _worst(numbers: Mapping[str, Any]) -> Mapping[str, Any]:
    worst = numbers.get("worst")
    return worst if isinstance(worst, Mapping) else {}


def _checks(run: Run, engine: str, containing: str = "") -> Iterator[Mapping[str, Any]]:
    """Checks of the tests of one engine."""
    of_engine = re.compile(rf"[\[-]{re.escape(engine)}[-\]]")
    for name, test in run.tests.items():
        if containing in name and of_engine.search(name):
            yield from test["checks"]


def _largest(values: Iterator[Any]) -> float | None:
    """The largest; that is a NaN, if there is one. Records hold them as words."""
    found = [float(value) for value in values]
    return max(found, key=lambda x: (np.isnan(x), x)) if found else None


def _unmatched(run: Run, engine: str) -> float | None:
    for check in _checks(run, engine, f"{engine}-{PIPELINE}]"):
        if check["name"] == _COUNTERPARTS:
            return 100 * float(check["numbers"]["share"])
    return None


def _speed_ratio(run: Run, engine: str) -> list[float] | None:
    turns = _scored(run, engine).get("images_per_s_over", {}).get(YARDSTICK)
    return list(middle_of_turns(turns)) if turns else None


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
