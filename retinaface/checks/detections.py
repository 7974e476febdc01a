"""Judge whether two sets of detections agree: their differences, compared with tolerances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from retinaface.checks.detection_changes import Change, ImageDifference
from retinaface.checks.detection_matching import MATCH_LANDMARK
from retinaface.telling.visible import visible
from retinaface.typing import FloatArray, Precision
from retinaface.verdicts import Check, Verdict

CONFIDENT = 0.5


@dataclass(frozen=True)
class Tolerance:
    """The differences that two sets of detections may show.

    Attributes:
        unmatched_share: Of detections without a counterpart, and of pairs whose landmarks disagree.
        unexplained_share: Of detections whose coming or going no limit, tie or drift explains.
        n_confident: Unexplained ones with a score above `CONFIDENT`.
    """

    unmatched_share: float
    unexplained_share: float
    n_confident: int


# FP32 on another runtime or thread count: none of 45 000 differ; FP16 against FP32, two runtimes,
# four pipelines: 0.16 to 0.39 % unmatched, and none of them unexplained.
# INT8 against itself, on the same device: integers repeat exactly, and the floats between them
# round.
TOLERANCES: Mapping[Precision, Tolerance] = {
    "fp32": Tolerance(0.0005, 0.0001, 0),
    "fp16": Tolerance(0.005, 0.0005, 1),
    "int8": Tolerance(0.005, 0.0005, 1),
}
# Where this share of an image's detections changed without an explanation, they are broken, or
# those of another image.
_BROKEN_SHARE, _BROKEN_CHANGES = 0.5, 4
_N_LISTED = 20
# One of few is a large share and proves nothing: two flips, counted on both sides, break nothing.
_ALWAYS_ALLOWED = 4


def check_differences(
    name: str,
    found: Sequence[ImageDifference],
    tolerance: Tolerance,
    *,
    predicted_share: float = 0.0,
) -> list[Check]:
    """Judge differences: how many, how many unexplained, landmarks, and no image broken.

    Args:
        name: Of what is compared; before the name of each check.
        found: By image.
        tolerance: What they may show.
        predicted_share: Of detections without a counterpart that an emulation of the device's
            rounding explains; where it is more than the tolerance allows, it counts.
    """
    changes = _changes(found)
    unexplained = [change for change in changes if change.is_unexplained]
    n_compared = sum(difference.n_compared for difference in found)
    numbers = summarise(found)
    return [
        share_check(
            f"{name}: detections without a counterpart",
            len(changes),
            n_compared,
            max(tolerance.unmatched_share, predicted_share),
            _worst_lines(changes),
            numbers,
        ),
        share_check(
            f"{name}: detections whose change nothing explains",
            len(unexplained),
            n_compared,
            tolerance.unexplained_share,
            _worst_lines(unexplained),
            numbers,
        ),
        _check_confident(name, unexplained, tolerance),
        _check_images(name, found),
        _check_landmarks(name, found, tolerance),
    ]


def _changes(found: Sequence[ImageDifference]) -> list[Change]:
    return [change for difference in found for change in difference.changes]


def _check_confident(name: str, unexplained: Sequence[Change], tolerance: Tolerance) -> Check:
    """Judge how many clear faces came or went without an explanation."""
    confident = [change for change in unexplained if change.score > CONFIDENT]
    # A moved detection stands on both sides; it is one.
    n = sum(0.5 if change.kind == "moved" else 1.0 for change in confident)
    return Check(
        f"{name}: confident detections whose change nothing explains",
        Verdict.PASS if n <= tolerance.n_confident else Verdict.FAIL,
        f"{n:g} with a score above {CONFIDENT}, allowed {tolerance.n_confident}"
        + _worst_lines(confident),
        {"n": n, "allowed": tolerance.n_confident},
        value=n,
        limit=tolerance.n_confident,
        unit="count",
    )


def _check_images(name: str, found: Sequence[ImageDifference]) -> Check:
    """Judge whether an image has the detections of another, or none."""
    broken = [difference for difference in found if is_broken(difference)]
    return Check(
        f"{name}: images with mostly unexplained changes",
        Verdict.FAIL if broken else Verdict.PASS,
        f"{len(broken)} of {len(found)} images: at least half of their detections have no "
        "counterpart and no explanation"
        + "".join(
            f"\n  {visible(d.image)}: {len(d.changes)} of {d.n_compared}"
            for d in broken[:_N_LISTED]
        ),
        {"n": len(broken), "n_all": len(found)},
        value=len(broken),
        limit=0,
        unit="count",
    )


def _check_landmarks(name: str, found: Sequence[ImageDifference], tolerance: Tolerance) -> Check:
    """Judge how many pairs of detections disagree about a landmark."""
    shifts = np.concatenate([d.landmark_shifts for d in found]) if found else np.zeros(0)
    n_off = int((~(shifts <= MATCH_LANDMARK)).sum())  # a NaN agrees with nothing
    return share_check(
        f"{name}: landmarks without a counterpart",
        n_off,
        len(shifts),
        tolerance.unmatched_share,
        _landmark_lines(found),
        {"shift_p99": _quantile(shifts, 0.99), "shift_max": _quantile(shifts, 1.0)},
    )


def summarise(found: Sequence[ImageDifference]) -> dict[str, Any]:
    """Count what changed, by kind and cause; JSON types."""
    changes = _changes(found)
    causes = Counter(f"{change.kind}: {change.cause or 'unexplained'}" for change in changes)
    return {
        "n_compared": sum(difference.n_compared for difference in found),
        "n_unmatched": len(changes),
        "n_unexplained": sum(change.is_unexplained for change in changes),
        "causes": dict(sorted(causes.items())),
    }


def most_changed(found: Sequence[ImageDifference], n_images: int) -> list[dict[str, Any]]:
    """Choose the images that changed most, unexplained changes first; JSON types of a record."""
    changed = sorted((one for one in found if one.changes), key=attrgetter("rank"), reverse=True)
    return [
        {
            "image": one.image,
            "n_compared": one.n_compared,
            "boxes": [
                {"kind": c.kind, "score": c.score, "box_xyxy": c.box_xyxy, "cause": c.cause}
                for c in one.changes
            ],
        }
        for one in changed[:n_images]
    ]


def is_broken(difference: ImageDifference) -> bool:
    """Tell whether an image has the detections of another, or none."""
    n = sum(change.is_unexplained for change in difference.changes)
    return n >= _BROKEN_CHANGES and n >= _BROKEN_SHARE * difference.n_compared


def share_check(
    name: str, n: int, n_all: int, allowed: float, details: str, numbers: Mapping[str, Any]
) -> Check:
    """Compare a share with what is allowed; of few detections a few may always differ.

    Args:
        n: Detections that differ.
        n_all: All of them.
        allowed: As a share.
        details: What to print behind the figures of a failure.
        numbers: Further figures.
    """
    most = max(allowed * n_all, _ALWAYS_ALLOWED)
    is_fine = n <= most
    share = n / n_all if n_all else 0.0
    return Check(
        name,
        Verdict.PASS if is_fine else Verdict.FAIL,
        f"{n} of {n_all} ({share:.3%}), allowed {allowed:.3%}" + ("" if is_fine else details),
        {"n": n, "n_all": n_all, "share": share, "allowed": allowed, **numbers},
        value=100 * share,
        limit=100 * most / n_all if n_all else 100 * allowed,
        unit="%",
    )


def _worst_lines(changes: Sequence[Change]) -> str:
    by_image = Counter(change.image for change in changes)
    ranked = sorted(changes, key=lambda c: (c.is_unexplained, c.score), reverse=True)
    lines = [f"\n  {change}" for change in ranked[:_N_LISTED]]
    if by_image:
        most = ", ".join(f"{visible(image)} ({n})" for image, n in by_image.most_common(_N_LISTED))
        lines.append(f"\n  images with most changes: {most}")
    return "".join(lines)


def _landmark_lines(found: Sequence[ImageDifference]) -> str:
    worst = sorted(
        (
            (float(np.nan_to_num(d.landmark_shifts, nan=np.inf).max(initial=0.0)), d.image)
            for d in found
        ),
        reverse=True,
    )
    return "".join(
        f"\n  {visible(image)}: a landmark is {shift:.2f} box sides off, allowed {MATCH_LANDMARK}"
        for shift, image in worst[:_N_LISTED]
        if shift > MATCH_LANDMARK
    )


def _quantile(values: FloatArray, q: float) -> float:
    return float(np.quantile(values, q)) if values.size else 0.0
