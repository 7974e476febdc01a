"""Mean offsets of matched detections by the size of faces, compared with the smallest that counts.

A shift smaller than a match allows leaves every detection its counterpart. Over many pairs its mean
still shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.baselines.detections_file import PER_SIDE
from retinaface.checks.intervals import CONFIDENCE, Interval
from retinaface.checks.offsets.means import clustered_means, drawn_in
from retinaface.checks.offsets.of_pairs import QUANTITIES, Kind, PairOffsets, Quantity
from retinaface.checks.offsets.sizes import SizeRange, size_groups
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check, Verdict, judge_interval

# The smallest shift that counts. Intervals of FP32 on another runtime lie within 0.007 px and
# 0.000001 (docs/measurements.md, "Shifts", for this and what follows).
SMALLEST_PX, SMALLEST_SCORE = 0.1, 0.0005
# FP16 itself moves scores of small faces by 0.0003, with intervals up to 0.0004. Where one side is
# FP32, more than twice that counts.
SMALLEST_SCORE_ACROSS_PRECISIONS = 0.001
# What FP16 does to an offset of the network is a share of the side. Faces of 128 px and more are
# 0.08 to 0.09 px taller than in FP32, with intervals up to 0.13 px: 0.07 % of their mean side.
FP16_BOX_SHARE = 0.001
# Its landmarks are off by no more, but a baseline keeps them in steps of 1/64 of the side, and some
# go to the next one: intervals reach 0.18 px there, and 0.12 px of 0.2 in the embedded set.
FP16_LANDMARK_SHARE = 0.002
# A pair of another prior counts no further than this many times what is allowed from the median,
# and a landmark, which a baseline keeps in steps, at least as far as one and a half of them.
_REACH, _REACH_STEPS = 5.0, 1.5
_N_LISTED = 20
_TITLES: dict[Kind, str] = {
    "x": "mean offset of boxes in x",
    "y": "mean offset of boxes in y",
    "width": "mean offset of widths",
    "height": "mean offset of heights",
    "score": "mean offset of scores",
    "landmark x": "mean offset of landmarks in x",
    "landmark y": "mean offset of landmarks in y",
}
Precisions = tuple[FloatPrecision, FloatPrecision]
_RANK = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


@dataclass(frozen=True)
class MeanOffset:
    """The mean of one quantity over faces of one size.

    Attributes:
        quantity: Which.
        group: Heights of the faces that it is over.
        mean: With its interval; pixels of the original image, or score.
        allowed: The smallest mean that counts, as a mean over the pairs.
        n_pairs: Detections with their counterparts.
        n_images: Images that they are in.
    """

    quantity: Quantity
    group: SizeRange
    mean: Interval
    allowed: float
    n_pairs: int
    n_images: int

    @property
    def verdict(self) -> Verdict:
        """Compare the interval with what is allowed."""
        return judge_interval(self.mean.low, self.mean.high, self.allowed)

    @property
    def severity(self) -> tuple[int, float]:
        """Order by verdict, then by the mean as a share of what is allowed."""
        return _RANK.index(self.verdict), abs(self.mean.estimate) / self.allowed

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        point = {"point": self.quantity.point} if self.quantity.point else {}
        return {
            **point,
            "from_px": self.group.from_px,
            "to_px": self.group.to_px,
            "mean": self.mean.estimate,
            "low": self.mean.low,
            "high": self.mean.high,
            "allowed": self.allowed,
            "n_pairs": self.n_pairs,
            "n_images": self.n_images,
        }

    def __str__(self) -> str:
        decimals = 5 if self.quantity.kind == "score" else 3
        low, high = (f"{end + 0.0:+.{decimals}f}" for end in (self.mean.low, self.mean.high))
        return (
            f"{self._shift(f'{abs(self.mean.estimate):.{decimals}f}')} [{low}, {high}], allowed "
            f"+-{self.allowed:.3g} ({self.n_pairs} pairs in {self.n_images} images)"
        )

    def _shift(self, amount: str) -> str:
        faces, point, is_more = self.group, self.quantity.point, self.mean.estimate >= 0
        return {
            "x": f"boxes of {faces} lie {amount} px to the {'right' if is_more else 'left'}",
            "y": f"boxes of {faces} lie {amount} px further {'down' if is_more else 'up'}",
            "width": f"boxes of {faces} are {amount} px {'wider' if is_more else 'narrower'}",
            "height": f"boxes of {faces} are {amount} px {'taller' if is_more else 'shorter'}",
            "score": f"scores of faces of {faces} are {amount} {'higher' if is_more else 'lower'}",
            "landmark x": f"the {point} in faces of {faces} lies {amount} px to the "
            f"{'right' if is_more else 'left'}",
            "landmark y": f"the {point} in faces of {faces} lies {amount} px further "
            f"{'down' if is_more else 'up'}",
        }[self.quantity.kind]


def check_offsets(name: str, found: Sequence[PairOffsets], precisions: Precisions) -> list[Check]:
    """Judge whether the pairs of two sets of detections are shifted: a check for each quantity.

    Args:
        name: What is compared with what, or empty.
        found: Of each image.
        precisions: Of the old and of the new detections.
    """
    return check_means(name, mean_offsets(found, precisions))


def check_means(name: str, means: Sequence[MeanOffset]) -> list[Check]:
    """Judge means: a check for each quantity, one for all where there is no mean.

    Args:
        name: What is compared with what, or empty.
    """
    prefix = f"{name}: " if name else ""
    if not means:
        text = "no detection has a counterpart, so no offset can be measured"
        return [Check(f"{prefix}mean offsets", Verdict.INCONCLUSIVE, text, unit="px")]
    return [
        _check(prefix + title, [m for m in means if m.quantity.kind == kind], len(means))
        for kind, title in _TITLES.items()
    ]


def mean_offsets(found: Sequence[PairOffsets], precisions: Precisions) -> list[MeanOffset]:
    """Give the mean of each quantity over faces of each size.

    Pairs weigh by what is allowed of them, so that in FP16 a large face, which may be off by more,
    weighs less: the mean is that of the offsets as shares of what is allowed, times the harmonic
    mean of that. Where the same is allowed of all, it is the plain mean.

    The intervals hold together at `CONFIDENCE` (Bonferroni).

    Args:
        found: Of each image.
        precisions: Of the old and of the new detections.
    """
    images = np.repeat(np.arange(len(found)), [len(one.heights_px) for one in found])
    if not len(images):
        return []
    heights, sides, values = (
        np.concatenate([getattr(one, field) for one in found])
        for field in ("heights_px", "sides_px", "values")
    )
    allowed = allowed_offsets(sides, precisions)
    reach = reach_of(sides, allowed)
    groups = size_groups(heights, images)
    confidence = 1 - (1 - CONFIDENCE) / (len(groups) * len(QUANTITIES))
    means = []
    for group in groups:
        mask = group.mask
        shares = drawn_in(values[mask] / allowed[mask], reach[mask])
        intervals, n_images = clustered_means(shares, images[mask], confidence)
        scales = (1 / (1 / allowed[mask]).mean(axis=0)).tolist()
        for quantity, share, scale in zip(QUANTITIES, intervals, scales, strict=True):
            mean = Interval(*(scale * x for x in (share.estimate, share.low, share.high)))
            means.append(MeanOffset(quantity, group, mean, scale, len(shares), n_images))
    return means


def allowed_offsets(sides_px: FloatArray, precisions: Precisions) -> FloatArray:
    """Give the smallest shift that counts, for each pair and quantity.

    Args:
        sides_px: (M,) mean sides of the boxes.
        precisions: Of the old and of the new detections.

    Returns:
        (M, 15), pixels or score, > 0.
    """
    score = SMALLEST_SCORE if len(set(precisions)) == 1 else SMALLEST_SCORE_ACROSS_PRECISIONS
    of_boxes = of_points = np.full_like(sides_px, SMALLEST_PX)
    if "fp16" in precisions:
        of_boxes, of_points = (
            np.maximum(SMALLEST_PX, share * sides_px)
            for share in (FP16_BOX_SHARE, FP16_LANDMARK_SHARE)
        )
    of_scores = np.full_like(sides_px, score)
    columns = [
        of_scores if quantity.kind == "score" else of_points if quantity.point else of_boxes
        for quantity in QUANTITIES
    ]
    return np.column_stack(columns)


def reach_of(sides_px: FloatArray, allowed: FloatArray) -> FloatArray:
    """Give how far from the median a value counts, as a multiple of what is allowed, (M, 15)."""
    steps = _REACH_STEPS / PER_SIDE * sides_px[:, None] / allowed
    is_point = np.array([bool(quantity.point) for quantity in QUANTITIES])
    return np.where(is_point, np.maximum(steps, _REACH), _REACH)


def _check(name: str, means: Sequence[MeanOffset], n_intervals: int) -> Check:
    ranked = sorted(means, key=lambda one: one.severity, reverse=True)
    worst = ranked[0]
    more = [one for one in ranked[1:_N_LISTED] if one.verdict is not Verdict.PASS]
    interval = worst.mean
    return Check(
        name,
        worst.verdict,
        "\n  ".join(map(str, [worst, *more])),
        {
            "difference": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "delta": worst.allowed,
            "confidence_of_all": CONFIDENCE,
            "n_intervals": n_intervals,
            "by_size": [one.as_json() for one in means],
        },
        value=interval.estimate,
        baseline=0.0,
        limit=worst.allowed,
        unit="score" if worst.quantity.kind == "score" else "px",
    )
