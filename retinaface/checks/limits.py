"""Limits of a baseline beside the suite's own: wider ones want a reason, and are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from retinaface.baselines.entries import Entry
from retinaface.checks.accuracy import accuracy_entry
from retinaface.checks.speed.gate import UNKNOWN_NOISE, speed_entry
from retinaface.typing import FloatPrecision
from retinaface.verdicts import Check, Verdict
from retinaface.widerface.ground_truth import SPLITS

# Of published AP: 0.05 points of its one decimal, the rest for FP16, another JPEG decoder, resize
# and order of sums.
PUBLISHED_POINTS = 0.15
# A file may hold a limit with fewer digits than the one that it came from.
_SLACK = 1e-3
# What a limit is of, how its figure is written, and its unit.
_WORDS = {
    "ap_points": ("AP", "{:g}", " points"),
    "unmatched_share": ("detections without a counterpart", "{:.3%}", ""),
    "unexplained_share": ("detections whose change nothing explains", "{:.3%}", ""),
    "n_confident": ("confident detections whose change nothing explains", "{:g}", ""),
    "relative": ("times", "{:.1%}", ""),
}


def own_limits(entry: Entry, *, is_embedded: bool = False) -> dict[str, float]:
    """Give the limits that the suite itself would have written into an entry, by their field.

    Args:
        entry: Of a baseline file.
        is_embedded: Whether it is compared over pictures of the embedded set.
    """
    return dict(_default(entry.data, is_embedded=is_embedded)["tolerance"])


def wider_limits(entry: Entry, *, is_embedded: bool = False) -> list[str]:
    """Name each limit of an entry that is wider than the suite's own, which follows in brackets."""
    own, stated = own_limits(entry, is_embedded=is_embedded), entry.data["tolerance"]
    wider = [name for name, value in stated.items() if value > own[name] * (1 + _SLACK)]
    return [_wider(name, stated[name], own[name]) for name in wider]


def _wider(name: str, stated: float, own: float) -> str:
    what, figure, unit = _WORDS[name]
    return f"{what} {figure.format(stated)}{unit} ({figure.format(own)})"


def has_own_reason(entry: Entry) -> bool:
    """Tell whether somebody wrote why these limits, and did not leave what the suite writes."""
    written = {_wording(_default(entry.data, is_embedded=e)["reason"]) for e in (False, True)}
    if entry.data["metric"] == "speed":
        written |= {_wording(_speed_default(entry.data, runs)["reason"]) for runs in ([1], [1, 1])}
    return _wording(entry.data["reason"]) not in written


def limits_note(entry: Entry, *, is_embedded: bool = False) -> str:
    """Say which limits of an entry are wider than the suite's own, and why; empty for none."""
    wider = wider_limits(entry, is_embedded=is_embedded)
    if not wider:
        return ""
    why = f", because: {entry.data['reason']}" if has_own_reason(entry) else ", and no reason why"
    return f"limits wider than the suite's own: {', '.join(wider)}{why} ({entry})"


def check_limits(name: str, entry: Entry, *, is_embedded: bool = False) -> Check | None:
    """Refuse to decide by limits that are wider than the suite's own without a reason.

    Args:
        name: Of the check.
        entry: That a result is to be compared with.
        is_embedded: Whether it is compared over pictures of the embedded set.

    Returns:
        An undecided check; None where the limits are the suite's, narrower, or have a reason.
    """
    note = limits_note(entry, is_embedded=is_embedded)
    if not note or has_own_reason(entry):
        return None
    return Check(
        name,
        Verdict.INCONCLUSIVE,
        f"{note}; write in `reason` of {entry.path.name} why they are right, or accept this run's: "
        "--accept-baseline --reason TEXT",
    )


def _default(data: Mapping[str, Any], *, is_embedded: bool) -> dict[str, Any]:
    """Make the entry that the suite would have written in place of one, limits and reason."""
    if data["metric"] == "speed":
        return _speed_default(data, data.get("samples_s") or [])
    # A figure that applies to each precision has the limits of the finer one.
    precision: FloatPrecision = "fp16" if data["precision"] == "fp16" else "fp32"
    default = accuracy_entry(
        pipeline=data["pipeline"],
        precision=precision,
        batch=1,
        ap=dict.fromkeys(SPLITS, 0.0),
        images_sha256="",
        n_images=data["n_images"],
        weights_sha256=None,
        is_embedded=is_embedded,
    )
    if data["source"]["kind"] == "published":
        default["tolerance"]["ap_points"] = PUBLISHED_POINTS
    return default


def _speed_default(data: Mapping[str, Any], runs: list[Any]) -> dict[str, Any]:
    samples = [run if isinstance(run, list) else [run] for run in runs]
    figures = {"samples_s": samples[-1] if samples else [1.0], "median_s": 1.0}
    default = speed_entry(
        pipeline=data["pipeline"],
        precision=data["precision"],
        device=data["device"],
        batch=data["batch"],
        timed=data["timed"],
        engine="",
        figures=figures,
        earlier_runs=samples[:-1],
    )
    if not samples:
        default["tolerance"]["relative"] = UNKNOWN_NOISE
    return default


def _wording(reason: str) -> str:
    """Leave out of a reason what differs between two that the suite wrote: numbers, and the set."""
    return re.sub(r"[\d.]+|embedded ", "", reason).strip()
