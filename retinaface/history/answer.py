"""The answer of a history, for JSON and for a terminal: trends, changes, one run judged."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from retinaface.checks.intervals import Interval
from retinaface.history import text
from retinaface.history.judged import Judged, Judgement
from retinaface.history.series import Break, Line, by_owner, moving, sparkline
from retinaface.history.told import Told
from retinaface.verdicts import Verdict


class SeriesPoint(Struct, kw_only=True):
    """A figure of a run.

    Attributes:
        created: Day and minute, in UTC.
        value: In the unit of its series.
        busy: What else the machine did; empty where it was quiet or nobody knows.
        note: The check that has the margin.
    """

    run: str
    created: str
    value: float
    busy: str
    note: str


class Series(Struct, kw_only=True):
    """A figure over comparable runs, the oldest first."""

    metric: str
    unit: str
    points: list[SeriesPoint]


class Trend(Struct, kw_only=True):
    """A row of the terminal: a figure of a subject; AP with all splits of the same images.

    Attributes:
        batch: None for a figure of the engine alone.
        basis: What else is the same in all of its runs.
        label: What the row shows, in words.
        newest: Values of the newest run, in words.
        spark: The split that changed most, drawn in characters.
        state: `level`, `few runs`, or how many changes.
    """

    engine: str
    pipeline: str
    batch: int | None
    precision: str
    device: str
    basis: str
    label: str
    newest: str
    spark: str
    state: str
    series: list[Series]


class ChangedFigure(Struct, kw_only=True):
    """A figure whose level changed.

    Attributes:
        unit: Of the change: points, or % of a rate.
    """

    pipeline: str
    batch: int | None
    metric: str
    unit: str
    change: Interval


class LevelChange(Struct, kw_only=True):
    """What changed of an engine on its device between two runs.

    Attributes:
        before: The last run of the old level.
        after: The first run of the new one.
        created: When that was made, in UTC.
        is_worse: Whether the largest change is a loss.
        figures: The largest change first.
        text: The largest ones in words.
        what_else: What the records say that also changed there.
    """

    engine: str
    device: str
    before: str
    after: str
    created: str
    is_worse: bool
    figures: list[ChangedFigure]
    text: str
    what_else: str


class JudgedFigure(Struct, kw_only=True):
    """A figure of a run beside those of the last N.

    Attributes:
        subject: Engine, pipeline and batch.
        level: Median of the runs before it; None where there are too few.
        change: From it, in `change_unit`, with the interval in which the same build would lie.
        earlier: The runs that it was compared with.
        verdict: None where it is reported and not judged.
        is_news: Whether a terminal shows it without being asked.
        text: Figure, change and reason in words.
    """

    subject: str
    device: str
    metric: str
    unit: str
    value: float
    level: float | None
    change: Interval | None
    change_unit: str
    earlier: list[str]
    verdict: Verdict | None
    is_news: bool
    text: str


class JudgedRun(Struct, kw_only=True):
    """A run beside the last N comparable ones.

    Attributes:
        n_last: The most runs that a figure was compared with.
        own_verdict: That of the run itself; None where nothing was judged.
        state: `finished`, `running` or `crashed`.
        figures: The worst first.
        absent: What each of the runs before measured and this one did not.
    """

    run: str
    n_last: int
    own_verdict: str | None
    state: str
    figures: list[JudgedFigure]
    absent: list[str]


def trends(told: Told, *, spark_width: int) -> list[Trend]:
    """Give all figures, by engine and device."""
    groups = [group for lines in by_owner(told.lines).values() for group in text.groups_of(lines)]
    return [_trend(group, spark_width) for group in groups]


def _trend(group: Sequence[Line], spark_width: int) -> Trend:
    subject = group[0].subject
    return Trend(
        engine=subject.engine,
        pipeline=subject.pipeline,
        batch=subject.batch or None,
        precision=subject.precision,
        device=subject.device,
        basis=group[0].basis,
        label=text.label_of(group),
        newest=" / ".join(map(text.value_text, group)),
        spark=sparkline(moving(group), spark_width),
        state=text.state(group),
        series=[_series(line) for line in group],
    )


def _series(line: Line) -> Series:
    points = [
        SeriesPoint(
            run=run.name,
            created=run.date,
            value=figure.value,
            busy=figure.busy,
            note=figure.note,
        )
        for run, figure in line.points
    ]
    return Series(metric=line.metric, unit=line.unit, points=points)


def level_changes(told: Told) -> list[LevelChange]:
    """Give the changes, the newest first."""
    return [_level_change(*both) for both in told.breaks]


def _level_change(one: Break, facts: str) -> LevelChange:
    subject = one.changes[0].line.subject
    return LevelChange(
        engine=subject.engine,
        device=subject.device,
        before=one.before.name,
        after=one.after.name,
        created=one.after.date,
        is_worse=one.is_worse,
        figures=[
            ChangedFigure(
                pipeline=change.line.subject.pipeline,
                batch=change.line.subject.batch or None,
                metric=change.line.metric,
                unit=change.line.change_unit,
                change=change.size,
            )
            for change in one.changes
        ],
        text=one.sizes,
        what_else=facts,
    )


def judged_run(judgement: Judgement) -> JudgedRun:
    """Give what was found about a run."""
    return JudgedRun(
        run=judgement.run.name,
        n_last=judgement.n_last,
        own_verdict=judgement.run.verdict or None,
        state=judgement.run.state,
        figures=[_judged_figure(one) for one in text.ordered(judgement)],
        absent=list(judgement.absent),
    )


def _judged_figure(one: Judged) -> JudgedFigure:
    line = one.line
    return JudgedFigure(
        subject=str(line.subject),
        device=line.subject.device,
        metric=line.metric,
        unit=line.unit,
        value=one.point.figure.value,
        level=one.level,
        change=one.change,
        change_unit=line.change_unit,
        earlier=[point.run.name for point in one.earlier],
        verdict=one.verdict,
        is_news=text.is_news(one),
        text=text.judged_text(one),
    )
