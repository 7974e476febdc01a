"""Write a comparison as rows and Markdown: for a terminal and a CI summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from retinaface.checks.intervals import CONFIDENCE
from retinaface.comparison.attribution import Attribution
from retinaface.comparison.compare import RunComparison
from retinaface.comparison.environments import UnknownFact, unknown_lines
from retinaface.comparison.metrics import Metric
from retinaface.comparison.times.speed import RATE_UNIT
from retinaface.comparison.turns import TURN_COLUMNS, turn_rows
from retinaface.records.ab_session import AbSession
from retinaface.records.find import Unavailable
from retinaface.telling.markdown import block, inline, markdown_table
from retinaface.verdicts import Verdict

REPORTED = "not judged"
# Of figures on detections.
DETECTION_UNITS = ("%", "count", "px", "score")
# Of times and rates, whose change is a ratio.
RATIO_UNITS = ("ms", RATE_UNIT)
_MAX_ROWS = 40


class Findings(Protocol):
    """What a comparison found, as `RunComparison` and the answer of the command hold it."""

    @property
    def metrics(self) -> list[Metric]:
        """Figures of both runs."""

    @property
    def unknown(self) -> list[UnknownFact]:
        """Facts that only one run describes."""


def interval_text(metric: Metric) -> str:
    """Write the change with its interval, in the metric's unit, or as a ratio of times."""
    change = metric.change
    if change is None:
        return ""
    if metric.unit in RATIO_UNITS:
        return f"x {change.estimate:.3f} [{change.low:.3f}, {change.high:.3f}]"
    # + 0.0, because a zero may carry a sign.
    n = 5 if metric.unit == "score" else 3
    ends = [round(x, n) + 0.0 for x in (change.estimate, change.low, change.high)]
    return f"{ends[0]:+.{n}f} [{ends[1]:+.{n}f}, {ends[2]:+.{n}f}]"


def number(value: float | None) -> str:
    """Write a value for a table."""
    return "" if value is None else f"{value:.5g}"


def verdict_text(metric: Metric) -> str:
    """Write the verdict, or that there is none."""
    return REPORTED if metric.verdict is None else str(metric.verdict)


def metric_rows(comparison: Findings) -> list[list[str]]:
    """Make rows: subject, metric, both values with their unit, change, verdict, note."""
    return [
        [
            metric.subject,
            metric.name,
            number(metric.old),
            number(metric.new),
            metric.unit,
            interval_text(metric),
            verdict_text(metric),
            metric.note,
        ]
        for metric in comparison.metrics
    ]


def brief_rows(comparison: Findings) -> list[list[str]]:
    """Make the rows for a terminal: what passes in short, the rest in full.

    Of the figures on detections that pass, only the first is shown; a result's name only on its
    first row; a note only where the verdict is not PASS.
    """
    rows: list[list[str]] = []
    last = ""
    seen: set[str] = set()
    for metric, row in zip(comparison.metrics, metric_rows(comparison), strict=True):
        if metric.unit in DETECTION_UNITS and metric.verdict is Verdict.PASS:
            if metric.subject in seen:
                continue
            seen.add(metric.subject)
        name = "" if metric.subject == last else metric.subject
        last = metric.subject
        rows.append([name, *row[1:-1], "" if metric.verdict is Verdict.PASS else metric.note])
    return rows


METRIC_COLUMNS = (
    "result",
    "metric",
    "old",
    "new",
    "unit",
    f"change, {CONFIDENCE:.0%} interval",
    "verdict",
    "note",
)


def summary(comparison: RunComparison) -> str:
    """Say in one sentence what moved, where, by how much."""
    moved = comparison.moved()
    falls = [change for change in comparison.outcomes if change.new != "PASS"]
    if comparison.new.record.state != "finished":
        where = comparison.new.record.running or "before the first test"
        return f"the run did not end: {where}"
    if moved:
        first = moved[0]
        how = interval_text(first) or f"{number(first.new)} {first.unit}"
        more = f", and {len(moved) - 1} more" if len(moved) > 1 else ""
        return f"{first.name} of {first.subject}: {how} ({first.note}){more}"
    if falls:
        return (
            f"tests whose outcome changed: {len(falls)}, first {falls[0].test}: {falls[0].reason}"
        )
    judged = sum(metric.verdict is not None for metric in comparison.metrics)
    if not judged:
        return "the runs have no result in common that could be judged"
    return f"{judged} metrics were judged, and none moved by more than is allowed"


def same_environment_text(comparison: Findings) -> str:
    """Say that the environments do not differ, as far as that is known."""
    limit = ", as far as both runs describe them" if comparison.unknown else ""
    return f"The environments are the same{limit}."


def unknown_texts(comparison: RunComparison) -> list[str]:
    """Say which facts are not known for one of the runs, a line for each run."""
    return list(unknown_lines(comparison.unknown, (comparison.old.name, comparison.new.name)))


def open_commands(comparison: Findings) -> list[str]:
    """List the commands that tell more about what is not judged closely, without repetition."""
    return list(dict.fromkeys(m.command for m in comparison.metrics if m.command))


def markdown(
    comparisons: Sequence[RunComparison],
    unavailable: Sequence[Unavailable] = (),
    sessions: Sequence[AbSession] = (),
) -> str:
    """Write Markdown for the step summary of a CI run."""
    parts = []
    for comparison in comparisons:
        title = inline(f"{comparison.new.name} against {comparison.old.name}")
        parts += [f"## {comparison.verdict}: {title}", inline(summary(comparison))]
        parts += [f"Warning: {inline(text)}" for text in comparison.warnings]
        parts += _environment_markdown(comparison)
        if comparison.metrics:
            parts += ["### Metrics", _table(METRIC_COLUMNS, metric_rows(comparison))]
        if commands := open_commands(comparison):
            parts += ["Not judged more closely; turn by turn:", block(commands, "sh")]
        if comparison.outcomes:
            rows = [[c.test, c.old, c.new, c.reason] for c in comparison.outcomes]
            columns = ("test", "old", "new", "reason")
            parts += ["### Tests whose outcome changed", _table(columns, rows)]
        if comparison.one_sided:
            rows = [[o.kind, o.id, o.side, o.reason] for o in comparison.one_sided]
            columns = ("kind", "what", "only in", "why")
            parts += ["### In one run only", _table(columns, rows)]
    if sessions:
        parts += ["## Turn by turn", _table(TURN_COLUMNS, turn_rows(sessions))]
    if unavailable:
        rows = [[u.name, f"{u.package} {u.version}", u.python, u.reason] for u in unavailable]
        columns = ("row", "package", "Python", "why it did not run")
        parts += ["## Could not run", _table(columns, rows)]
    return "\n\n".join(parts) + "\n"


def attribution_markdown(found: Attribution) -> str:
    """Write where the difference of two results begins."""
    rows = [[stage.name, stage.state, stage.text] for stage in found.stages]
    title = f"### Where it begins: {inline(found.name)}"
    table = _table(("stage", "state", "what was found"), rows)
    return f"\n{title}\n\n{inline(found.sentence)}\n\n{table}\n"


def _environment_markdown(comparison: RunComparison) -> list[str]:
    unknown = [inline(f"{line[0].upper()}{line[1:]}.") for line in unknown_texts(comparison)]
    if not comparison.environment:
        return [same_environment_text(comparison), *unknown]
    rows = [[d.key, d.old, d.new] for d in comparison.environment]
    return ["### Environment", _table(("what", "old", "new"), rows), *unknown]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    shown = list(rows[:_MAX_ROWS])
    if len(rows) > _MAX_ROWS:
        rest = f"{len(rows) - _MAX_ROWS} more rows; see --json"
        shown.append([rest, *[""] * (len(columns) - 1)])
    return markdown_table(columns, shown)
