"""Sessions of `retinaface ab` beside run records: a row for each, and what they settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retinaface.checks.intervals import CONFIDENCE
from retinaface.checks.speed.power import percent
from retinaface.comparison.compare import RunComparison
from retinaface.comparison.environments import compare_descriptions
from retinaface.comparison.metrics import Metric
from retinaface.comparison.pairs import Pair, matched_pairs
from retinaface.records.ab_session import SIDES, AbSession
from retinaface.verdicts import Verdict

TURN_COLUMNS = (
    "turn by turn",
    "engine",
    "batch",
    "A -> B",
    f"time of B over A, {CONFIDENCE:.0%} interval",
    "noise",
    "sees, 9 times of 10",
    "verdict",
    "what was found",
)


def turn_rows(sessions: Sequence[AbSession]) -> list[list[str]]:
    """A row for each session, in the order of `TURN_COLUMNS`."""
    return [
        [
            session.name,
            _both(*(str(session.engines[side].get("name", "?")) for side in SIDES)),
            str(session.batch),
            _what_differs(session),
            ratio_text(session),
            f"+-{session.speed.band:.1%}",
            percent(session.speed.power),
            str(session.verdict),
            _found(session),
        ]
        for session in sessions
    ]


def ratio_text(session: AbSession) -> str:
    """B over A with its interval."""
    speed = session.speed
    return f"x {speed.ratio:.3f} [{speed.low:.3f}, {speed.high:.3f}]"


def _both(old: str, new: str) -> str:
    return old if old == new else f"{old} -> {new}"


def _what_differs(session: AbSession) -> str:
    """The runtimes, where they differ; else what else does."""
    runtimes = [str(session.engines[side].get("runtime", "?")) for side in SIDES]
    if runtimes[0] != runtimes[1]:
        return " -> ".join(runtimes)
    environments = [session.environments[side] for side in SIDES]
    engines = [session.engines[side] for side in SIDES]
    differences = compare_descriptions(environments, engines).differences
    texts = [f"{d.key} {d.old} -> {d.new}" for d in differences[:2]]
    more = [f"and {len(differences) - 2} more"] if len(differences) > 2 else []
    return "; ".join([*texts, *more]) or "nothing that they know of"


def _found(session: AbSession) -> str:
    """Which check is not green, and how many starts would decide."""
    bad = [check.name for check in session.checks if check.verdict is not Verdict.PASS]
    needed = session.speed.starts_needed
    return "; ".join(bad + ([f"--starts {needed} would decide"] if needed is not None else []))


def settle(comparison: RunComparison, sessions: Sequence[AbSession]) -> RunComparison:
    """Judge times that records alone leave open by a session of the same two engines and batch.

    A time that is called slower already stays so.
    """
    pairs = {pair.name: pair for pair in matched_pairs(comparison.old, comparison.new)}
    metrics = [
        _settled(metric, pairs.get(metric.subject), sessions) for metric in comparison.metrics
    ]
    return replace(comparison, metrics=metrics)


def _settled(metric: Metric, pair: Pair | None, sessions: Sequence[AbSession]) -> Metric:
    if pair is None or not metric.command or metric.verdict is Verdict.FAIL:
        return metric
    for session in sessions:
        if _is_of(session, pair):
            note = f"turn by turn ({session.name}): {ratio_text(session)}, "
            note += f"sees {percent(session.speed.power)}"
            return replace(metric, verdict=session.speed_verdict, note=note, command="")
    return metric


def _is_of(session: AbSession, pair: Pair) -> bool:
    """Tell whether a session timed the engines of a pair, of the same names and versions."""
    for side, result in zip(SIDES, pair.results, strict=True):
        timed = session.engines[side]
        if (timed.get("name"), timed.get("runtime"), session.batch) != (
            result.key.engine,
            result.engine.get("runtime"),
            result.key.batch,
        ):
            return False
    return True
