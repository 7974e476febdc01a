"""The figures of runs as one flat table, for a spreadsheet: a line for each, with its limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import astuple

from retinaface.records.read import Run
from retinaface.records.schema import CheckResult, Result
from retinaface.telling.tables import csv_text


class Figure(Struct, kw_only=True):
    """A figure of a run; `baseline`, `limit` and `margin` are in the unit of `value`.

    Attributes:
        result: Id of its result, or of the test that made it.
        margin: What is left to the limit, negative beyond it.
        verdict: Empty where it was not judged.
    """

    run: str
    result: str
    engine: str = ""
    pipeline: str = ""
    precision: str = ""
    batch: int | None = None
    metric: str
    value: float | None
    unit: str
    baseline: float | None = None
    limit: float | None = None
    margin: float | None = None
    verdict: str = ""


COLUMNS = Figure.__struct_fields__


def figures_csv(runs: Iterable[Run]) -> str:
    """Write the figures of runs as CSV."""
    return csv_text(COLUMNS, (astuple(figure) for run in runs for figure in figures(run)))


def figures(run: Run) -> Iterator[Figure]:
    """List the figures of a run: those of its results, then those that only a test has."""
    judged = set()
    for result in run.results.values():
        for metric, value, unit, limit in _measured(result):
            margin = None if limit is None or value is None else limit - value
            yield _figure(run, result, metric, value, unit, limit=limit, margin=margin)
        for check in result.checks:
            judged.add((check.name, check.value, check.message))
            yield _checked(_figure(run, result, check.name, check.value, check.unit), check)
    for test in run.tests.values():
        for check in test.checks:
            if (check.name, check.value, check.message) not in judged:
                of_test = Figure(
                    run=run.name,
                    result=test.id,
                    metric=check.name,
                    value=check.value,
                    unit=check.unit,
                )
                yield _checked(of_test, check)


def _figure(
    run: Run,
    result: Result,
    metric: str,
    value: float | None,
    unit: str,
    *,
    limit: float | None = None,
    margin: float | None = None,
) -> Figure:
    return Figure(
        run=run.name,
        result=result.id,
        engine=result.key.engine,
        pipeline=result.key.pipeline or result.pipeline,
        precision=result.precision,
        batch=result.key.batch,
        metric=metric,
        value=value,
        unit=unit,
        limit=limit,
        margin=margin,
    )


def _checked(figure: Figure, check: CheckResult) -> Figure:
    figure.baseline, figure.limit, figure.margin = check.baseline, check.limit, check.margin
    figure.verdict = str(check.verdict)
    return figure


def _measured(result: Result) -> Iterator[tuple[str, float | None, str, float | None]]:
    """List what was measured: name, value, unit, limit."""
    for split, ap in result.ap.items():
        yield f"AP {split}", 100 * ap, "%", None
    for name, count in (("images", result.n_images), ("detections", result.n_detections)):
        if count is not None:
            yield name, count, "count", None
    if (found := result.differences) is not None:
        yield "detections without a counterpart", 100 * found.share, "%", 100 * found.allowed
    for timed, speed in result.speed.items():
        yield f"images/s of {timed}", speed.images_per_s, "images/s", None
        times = {"median": speed.median_s, "p90": speed.p90_s, "p99": speed.p99_s}
        for name, seconds in times.items():
            if seconds is not None:
                yield f"{name} time of {timed}", 1e3 * seconds, "ms", None
    for error in result.fidelity:
        where = " ".join(filter(None, (error.output, error.kind, error.variant)))
        yield f"largest error of {where}", error.max_abs, "", error.limit
