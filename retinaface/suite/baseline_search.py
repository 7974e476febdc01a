"""Find the baseline of a result; where there is none, offer the result as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from retinaface.baselines.entries import Entry, Found, find_entries
from retinaface.checks.accuracy import not_comparable
from retinaface.detection.detections import Detections
from retinaface.suite.acceptance import Acceptance
from retinaface.verdicts import Check, Verdict


@dataclass(frozen=True)
class BaselineQuery:
    """A result, and the baseline that it needs.

    Attributes:
        name: Name of the check that stands in for a comparison.
        what: The baseline that it needs, in words.
        metric: `accuracy` or `speed`.
        keys: What a baseline must have in common with it; the first key that finds one counts.
        engine: What `Engine.describe` gave.
        make_entry: Makes the entry to offer, given all baselines.
        detections: Those to keep beside it.
        is_usable: Tells whether the result can be compared with a baseline of these keys.
        ungated: Why a missing baseline is passed over; empty where it is FAIL (accuracy) or
            INCONCLUSIVE (speed).
        is_embedded: Whether it is over pictures of the embedded set, whose limits are its own.
        instead: The check that takes the place of a missing baseline; None: that it is missing.
    """

    name: str
    what: str
    metric: Literal["accuracy", "speed"]
    keys: Sequence[Mapping[str, Any]]
    engine: Mapping[str, Any]
    make_entry: Callable[[Sequence[Entry]], dict[str, Any]]
    detections: Mapping[str, Detections] | None = None
    is_usable: Callable[[Entry], bool] = lambda _entry: True
    ungated: str = ""
    is_embedded: bool = False
    instead: Check | None = None


@dataclass(frozen=True)
class Match:
    """A baseline to compare a result with, and the position of the key that found it."""

    entry: Entry
    i_key: int


def find_or_offer(query: BaselineQuery, acceptance: Acceptance) -> Match | Check:
    """Find the baseline of a result; where there is none, offer the result as one.

    Returns:
        The nearest usable baseline, or the check that stands in for a comparison with it.

    Raises:
        BaselineError: The baselines cannot be read.
    """
    founds = [_find(query, key, acceptance) for key in query.keys]
    usable: list[Entry] = []
    for i, found in enumerate(founds):
        if usable := [entry for entry in found.comparable if query.is_usable(entry)]:
            if not acceptance.wanted:
                unfounded = acceptance.judge_limits(
                    query.name, usable[0], is_embedded=query.is_embedded
                )
                return unfounded or Match(usable[0], i)
            break
    if not acceptance.wanted:
        if query.instead is not None:
            return query.instead
        if query.ungated and query.metric == "accuracy":
            return Check(query.name, Verdict.PASS, query.ungated)
        nearest = next((found.nearest for found in founds if found.nearest), None)
        # The speed of another device is no baseline: the first of this one is offered.
        if nearest is not None and (acceptance.is_one_file or query.metric == "accuracy"):
            return replace(not_comparable(nearest), name=query.name)
        if query.ungated:
            return Check(query.name, Verdict.PASS, query.ungated)
    return _offer(query, usable, acceptance)


def _find(query: BaselineQuery, key: Mapping[str, Any], acceptance: Acceptance) -> Found:
    return find_entries(
        acceptance.entries,
        query.metric,
        key,
        # Entries of a file that was named for this run are worth naming, whatever differs.
        strict=acceptance.is_one_file,
        runtime=query.engine.get("runtime"),
    )


def _offer(query: BaselineQuery, usable: Sequence[Entry], acceptance: Acceptance) -> Check:
    path = acceptance.offer(query.make_entry(usable), query.engine, query.detections)
    if acceptance.wanted:
        return Check(query.name, Verdict.PASS, f"to be accepted as {path}")
    # A first time on a device is neither right nor wrong; an AP must be what it was anywhere.
    verdict = Verdict.INCONCLUSIVE if query.metric == "speed" else Verdict.FAIL
    return Check(
        query.name,
        verdict,
        f"there is no {query.what} in {acceptance.place}; {acceptance.next_step(path)}",
    )
