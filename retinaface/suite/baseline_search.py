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
class Sought:
    """A result, and the baseline that it needs.

    Attributes:
        name: Of the check that stands in for a comparison.
        what: The baseline that it needs, in words.
        metric: `accuracy` or `speed`.
        keys: What a baseline must have in common with it; the first that finds one counts.
        engine: What `Engine.describe` gave.
        make_entry: Makes the entry to offer, given all baselines.
        detections: Those to keep beside it.
        is_usable: Whether a baseline with these keys can be compared with.
        ungated: Why it is no failure that there is none; empty where it is one.
        is_embedded: Whether it is over pictures of the embedded set, whose limits are its own.
        instead: What to say where there is none and none is accepted; None: that it is missing.
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
    """A baseline that a result is compared with, and which of the keys found it."""

    entry: Entry
    i_key: int


def find_or_offer(sought: Sought, acceptance: Acceptance) -> Match | Check:
    """Find the baseline of a result; where there is none, offer the result as one.

    Returns:
        The nearest usable baseline, or the check that stands in for a comparison with it.

    Raises:
        BaselineError: The baselines cannot be read.
    """
    founds = [_find(sought, key, acceptance) for key in sought.keys]
    usable: list[Entry] = []
    for i, found in enumerate(founds):
        if usable := [entry for entry in found.comparable if sought.is_usable(entry)]:
            if not acceptance.wanted:
                unfounded = acceptance.judge_limits(
                    sought.name, usable[0], is_embedded=sought.is_embedded
                )
                return unfounded or Match(usable[0], i)
            break
    if not acceptance.wanted:
        if sought.instead is not None:
            return sought.instead
        nearest = next((found.nearest for found in founds if found.nearest), None)
        # The speed of another device is no baseline: the first of this one is offered.
        if nearest is not None and (acceptance.is_one_file or sought.metric == "accuracy"):
            return replace(not_comparable(nearest), name=sought.name)
        if sought.ungated:
            return Check(sought.name, Verdict.PASS, sought.ungated)
    return _offer(sought, usable, acceptance)


def _find(sought: Sought, key: Mapping[str, Any], acceptance: Acceptance) -> Found:
    return find_entries(
        acceptance.entries,
        sought.metric,
        key,
        # Entries of a file that was named for this run are worth naming, whatever differs.
        strict=acceptance.is_one_file,
        runtime=sought.engine.get("runtime"),
    )


def _offer(sought: Sought, usable: Sequence[Entry], acceptance: Acceptance) -> Check:
    path = acceptance.offer(sought.make_entry(usable), sought.engine, sought.detections)
    if acceptance.wanted:
        return Check(sought.name, Verdict.PASS, f"to be accepted as {path}")
    return Check(
        sought.name,
        Verdict.FAIL,
        f"there is no {sought.what} in {acceptance.place}; {acceptance.next_step(path)}",
    )
