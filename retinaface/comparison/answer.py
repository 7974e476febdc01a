"""The answer of a comparison, for JSON and for a terminal: what moved, and where it begins."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from retinaface.comparison.attribution import Attribution
from retinaface.comparison.compare import OutcomeChange, RunComparison
from retinaface.comparison.environments import EnvironmentDifference, UnknownFact
from retinaface.comparison.metrics import Metric
from retinaface.comparison.one_sided import OneSided
from retinaface.comparison.text import summary
from retinaface.records.ab_session import AbSession, AbSpeed
from retinaface.records.circumstances import Batch, Json
from retinaface.records.schema import CheckResult
from retinaface.verdicts import Verdict


class Side(Struct, kw_only=True):
    """A run of a comparison; its verdict is None where nothing was judged."""

    name: str
    verdict: str | None


class Compared(Struct, kw_only=True, rename={"unknown": "not_known"}):
    """A run beside the old one.

    Attributes:
        summary: What moved, where, by how much.
        warnings: What stands beside the verdicts of both runs.
        environment: Facts that both runs describe, and differently.
        unknown: Facts that only one run describes.
        outcomes: Tests whose outcome changed.
        one_sided: What only one run has.
        attributions: Where each difference begins, where that was asked for.
    """

    old: Side
    new: Side
    verdict: Verdict
    summary: str
    warnings: list[str]
    environment: list[EnvironmentDifference]
    unknown: list[UnknownFact]
    metrics: list[Metric]
    outcomes: list[OutcomeChange]
    one_sided: list[OneSided]
    attributions: list[Attribution]


class Session(Struct, kw_only=True):
    """What was judged of a session of `retinaface ab`; its samples stand in its own file.

    Attributes:
        row: What a table shows of it, by column.
    """

    name: str
    verdict: Verdict
    speed_verdict: Verdict
    speed: AbSpeed
    batch: Batch
    checks: list[CheckResult]
    engines: dict[str, Json]
    row: dict[str, str]


def compared(comparison: RunComparison, attributions: Sequence[Attribution] = ()) -> Compared:
    """Give a comparison as an answer."""
    old, new = (
        Side(name=run.name, verdict=run.verdict) for run in (comparison.old, comparison.new)
    )
    return Compared(
        old=old,
        new=new,
        verdict=comparison.verdict,
        summary=summary(comparison),
        warnings=comparison.warnings,
        environment=comparison.environment,
        unknown=comparison.unknown,
        metrics=comparison.metrics,
        outcomes=comparison.outcomes,
        one_sided=comparison.one_sided,
        attributions=list(attributions),
    )


def judged_session(session: AbSession) -> Session:
    """Give what was judged of a session as an answer."""
    from retinaface.comparison.turns import TURN_COLUMNS, turn_rows

    kept = ("name", "verdict", "speed_verdict", "speed", "batch", "checks", "engines")
    (row,) = turn_rows([session])
    return Session(
        **{name: getattr(session, name) for name in kept},
        row=dict(zip(TURN_COLUMNS, row, strict=True)),
    )
