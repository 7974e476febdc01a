"""The figures of a run, a table for each pipeline and a row for each engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from retinaface.records.read import Run
from retinaface.records.schema import Result
from retinaface.widerface.ground_truth import SPLITS

_MISSING = "-"
COLUMNS = ("AP " + " / ".join(SPLITS), "detections", "changed", "error", "images/s")


@dataclass(frozen=True)
class EngineFigures:
    """What was measured of one engine in one pipeline, as text; a dash where it was not.

    Attributes:
        ap: In percent.
        detections: Their number.
        changed: Share without a counterpart in the baseline.
        error: Largest error of a raw output, as a share of what rounding explains.
        speed: Images per second of the network, by batch; end to end where that alone was timed.
    """

    engine: str
    ap: str = _MISSING
    detections: str = _MISSING
    changed: str = _MISSING
    error: str = _MISSING
    speed: str = _MISSING

    def cells(self) -> list[str]:
        """Give the figures in the order of `COLUMNS`."""
        return [self.ap, self.detections, self.changed, self.error, self.speed]


@dataclass(frozen=True)
class PipelineFigures:
    """The engines of one pipeline."""

    pipeline: str
    engines: list[EngineFigures]


def pipeline_figures(run: Run) -> list[PipelineFigures]:
    """Make a table for each pipeline of a run, in its order."""
    found: dict[str, dict[str, list[Result]]] = {}
    for result in run.results.values():
        engines = found.setdefault(result.key.pipeline, {})
        engines.setdefault(result.key.engine, []).append(result)
    return [
        PipelineFigures(pipeline, [_figures(engine, all_) for engine, all_ in engines.items()])
        for pipeline, engines in found.items()
    ]


def _figures(engine: str, results: Sequence[Result]) -> EngineFigures:
    """Put the figures of one engine at all batches beside one another."""
    scored = next((result for result in results if result.ap), None)
    changed = next((r.differences for r in results if r.differences is not None), None)
    errors = [error.ratio for result in results for error in result.fidelity]
    counted = next((r.n_detections for r in results if r.n_detections is not None), None)
    return EngineFigures(
        engine,
        ap=_ap(scored.ap) if scored is not None else _MISSING,
        detections=_MISSING if counted is None else f"{counted}",
        changed=_MISSING if changed is None else f"{100 * changed.share:.3f} %",
        error=f"{100 * max(errors, key=_nan_last):.0f} % of the limit" if errors else _MISSING,
        speed=_speed(results) or _MISSING,
    )


def _ap(ap: dict[str, float]) -> str:
    text = " / ".join(f"{100 * value:.2f}" for value in ap.values())
    return text if tuple(ap) == SPLITS else f"{text} ({', '.join(ap)})"


def _nan_last(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def _speed(results: Sequence[Result]) -> str:
    """Write images/s of the first clock that was read, a figure for each batch."""
    for timed in ("network", "run", "vendor-run", "end-to-end"):
        rates = {
            result.key.batch: speed.images_per_s
            for result in results
            if (speed := result.speed.get(timed)) is not None and speed.images_per_s is not None
        }
        if rates:
            by_batch = sorted(rates.items(), key=lambda item: item[0] or 0)
            texts = [
                f"{rate:.1f} (batch {batch})" if batch else f"{rate:.1f}"
                for batch, rate in by_batch
            ]
            return f"{timed} " + ", ".join(texts)
    return ""
