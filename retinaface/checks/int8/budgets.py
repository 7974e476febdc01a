"""Judge INT8 by budgets that the user states: how much AP and how many detections it may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retinaface.checks.detection_matching import match_detections
from retinaface.checks.detections import CONFIDENT
from retinaface.checks.intervals import CONFIDENCE, paired_ap_intervals
from retinaface.detection.detections import Detections
from retinaface.verdicts import Check, Verdict
from retinaface.widerface.average_precision import Counts, average_precision
from retinaface.widerface.ground_truth import SPLITS

# A counterpart overlaps by half, as the official protocol counts a face, whatever its score: the
# limits that FP16 keeps, 0.9 and 0.005, INT8 keeps for a tenth of its detections.
COUNTERPART_OVERLAP = 0.5
AP_OPTION = "--budget-ap EASY,MEDIUM,HARD"
DETECTIONS_OPTION = "--budget-detections SHARE"


@dataclass(frozen=True)
class Budget:
    """What INT8 may cost against FP32 of the same run; None where nothing is stated.

    Attributes:
        ap_points: AP that may be lost, in points, for each split in the order of `SPLITS`.
        detections: Share of detections that may lack a counterpart, 0 to 1.
    """

    ap_points: tuple[float, ...] | None = None
    detections: float | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is stated."""
        return self.ap_points is not None or self.detections is not None


def read_budget(ap: str | None, detections: str | None) -> Budget:
    """Read a budget as it is typed.

    Args:
        ap: `1,1,2`: points of AP for easy, medium, hard.
        detections: `0.1`: a share.

    Raises:
        ValueError: A text is not of that form.
    """
    points = None if ap is None else tuple(_number(part) for part in ap.split(","))
    if points is not None and (
        len(points) != len(SPLITS) or not all(0 <= p < math.inf for p in points)
    ):
        raise ValueError(
            f"--budget-ap must be three numbers from 0, as 1,1,2 for {', '.join(SPLITS)}, got {ap}"
        )
    share = None if detections is None else _number(detections)
    if share is not None and not 0 <= share <= 1:
        raise ValueError(f"--budget-detections must be a share from 0 to 1, got {detections}")
    return Budget(points, share)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def check_ap_budget(fp32: Counts, int8: Counts, budget: Budget) -> list[Check]:
    """Judge the AP that INT8 costs, by split, with its paired interval over images.

    PASS where the whole interval lies within the budget, FAIL where it lies wholly beyond, else
    INCONCLUSIVE; so too where no budget is stated.

    Args:
        fp32: Counts of the images in FP32.
        int8: Of the same images in the same order.
    """
    intervals = paired_ap_intervals(fp32, int8)
    before, after = average_precision(fp32), average_precision(int8)
    checks = []
    for i, (split, interval) in enumerate(intervals.items()):
        low, change, high = (100 * x for x in (interval.low, interval.estimate, interval.high))
        text = (
            f"{100 * after[split]:.2f}, FP32 {100 * before[split]:.2f}: {change:+.3f} points, "
            f"{CONFIDENCE:.0%} interval [{low:+.3f}, {high:+.3f}]"
        )
        numbers = {"difference": change, "low": low, "high": high}
        if budget.ap_points is None:
            text += f"; no budget is stated: add {AP_OPTION}, in points that may be lost"
            checks.append(Check(f"AP {split}", Verdict.INCONCLUSIVE, text, numbers, -change))
            continue
        allowed = budget.ap_points[i]
        verdict = _judge_loss(low, high, allowed)
        text += f", budget -{allowed:g}"
        checks.append(
            Check(f"AP {split}", verdict, text, numbers, -change, limit=allowed, unit="points")
        )
    return checks


def _judge_loss(low: float, high: float, allowed: float) -> Verdict:
    if low >= -allowed:
        return Verdict.PASS
    # A NaN fails.
    return Verdict.INCONCLUSIVE if high >= -allowed else Verdict.FAIL


@dataclass(frozen=True)
class Alone:
    """Detections of two sets that have no counterpart in the other.

    Attributes:
        n: Of both sets.
        n_all: Detections of both sets.
        n_confident: Those among `n` with a score above `CONFIDENT`.
        n_all_confident: All with such a score.
    """

    n: int
    n_all: int
    n_confident: int
    n_all_confident: int

    @property
    def share(self) -> float:
        """Compute the share without a counterpart, 0 to 1."""
        return self.n / self.n_all if self.n_all else 0.0


def count_alone(fp32: Mapping[str, Detections], int8: Mapping[str, Detections]) -> Alone:
    """Count detections without a counterpart, image by image."""
    counts = [0, 0, 0, 0]
    for image in dict.fromkeys([*fp32, *int8]):
        sides = [side[image] for side in (fp32, int8) if image in side]
        if len(sides) == 2:
            old, new = sides
            match = match_detections(
                old.boxes_xyxy,
                old.scores,
                new.boxes_xyxy,
                new.scores,
                min_overlap=COUNTERPART_OVERLAP,
                max_score_difference=1.0,
            )
            alone = [~match.old_matched, ~match.new_matched]
        else:  # the other side has none
            alone = [np.ones(len(side.scores), dtype=bool) for side in sides]
        for side, mask in zip(sides, alone, strict=True):
            is_confident = side.scores > CONFIDENT
            parts = (mask, np.ones_like(mask), mask & is_confident, is_confident)
            counts = [n + int(part.sum()) for n, part in zip(counts, parts, strict=True)]
    return Alone(*counts)


def check_detections_budget(found: Alone, budget: Budget) -> Check:
    """Judge the share of detections that FP32 or INT8 has alone."""
    numbers, share = vars(found), found.share
    text = (
        f"{found.n} of {found.n_all} ({share:.2%}) without a counterpart in the other, with a "
        f"score above {CONFIDENT:g} {found.n_confident} of {found.n_all_confident}"
    )
    name = "detections of INT8 and FP32"
    if budget.detections is None:
        text += f"; no budget is stated: add {DETECTIONS_OPTION}"
        return Check(name, Verdict.INCONCLUSIVE, text, numbers, 100 * share, unit="%")
    verdict = Verdict.PASS if found.n_all and share <= budget.detections else Verdict.FAIL
    text += f", budget {budget.detections:.2%}"
    limit = 100 * budget.detections
    return Check(name, verdict, text, numbers, 100 * share, limit=limit, unit="%")


def meets(budget: Budget, lost_points: Mapping[str, float], share: float) -> bool:
    """Tell whether estimates, without their intervals, lie within a budget."""
    lost = list(lost_points.values())
    allowed = budget.ap_points or (math.inf,) * len(lost)
    is_ap = all(points <= most for points, most in zip(lost, allowed, strict=False))
    return is_ap and (budget.detections is None or share <= budget.detections)
