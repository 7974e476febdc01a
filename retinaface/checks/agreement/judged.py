"""Judge whether two engines agree, from the sums over all images."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from retinaface.checks.agreement.offset_sums import means_of_sums
from retinaface.checks.agreement.shares import ShareSums, images_to_decide, share_interval
from retinaface.checks.agreement.sums import ShardSums
from retinaface.checks.detections import CONFIDENT, TOLERANCES, Tolerance, share_check
from retinaface.checks.intervals import CONFIDENCE
from retinaface.checks.offsets.judged import MeanOffset, Precisions, check_means
from retinaface.typing import rounding_of
from retinaface.verdicts import Check, Verdict, judge_interval

SHARE = "detections without a counterpart"
_N_LISTED = 5


def tolerance_of(precisions: Precisions) -> Tolerance:
    """Give the limits of `validate` for detections: those of FP16 where one side is FP16."""
    return TOLERANCES[rounding_of(*precisions)]


def check_agreement(total: ShardSums, precisions: Precisions) -> list[Check]:
    """Judge how many detections have no counterpart, by interval, then offsets, then single faults.

    A few broken images hardly move a share, so they are judged by number, as `validate` does.

    Args:
        total: Of all images.
        precisions: Of the old and of the new detections.
    """
    if not total.unmatched.all:
        text = (
            f"neither engine found a face in {total.n_images} images, so nothing was compared; "
            "choose images with faces, or other weights"
        )
        return [Check(SHARE, Verdict.INCONCLUSIVE, text)]
    allowed = tolerance_of(precisions)
    means = means_of_sums(total.offsets)
    return [
        _check_share(total, allowed.unmatched_share),
        *(_with_images(check, means) for check in check_means("", means)),
        _check_counts(
            "detections whose change nothing explains",
            total.unexplained,
            allowed.unexplained_share,
            total,
        ),
        _check_number(
            "confident detections whose change nothing explains",
            total.n_confident,
            allowed.n_confident,
            f"with a score above {CONFIDENT}",
            total,
        ),
        _check_number(
            "images with mostly unexplained changes",
            total.n_broken,
            0,
            f"of {total.n_images} images: at least half of their detections have no counterpart "
            "and no explanation",
            total,
        ),
        _check_counts(
            "landmarks without a counterpart", total.landmarks, allowed.unmatched_share, total
        ),
    ]


def _check_share(total: ShardSums, allowed: float) -> Check:
    sums = total.unmatched
    if total.n_images < 2:
        text = f"{total.n_images} image says nothing of others; give two or more"
        return Check(SHARE, Verdict.INCONCLUSIVE, text)
    interval = share_interval(sums)
    verdict = judge_interval(interval.low, interval.high, allowed)
    needed = images_to_decide(sums, allowed) if verdict is Verdict.INCONCLUSIVE else None
    changed = total.changed_images
    of_images = share_interval(changed, least_effect=1.0)
    text = (
        f"{sums.hit} of {sums.all} ({_percent(sums.share)}) [{_percent(interval.low)}, "
        f"{_percent(interval.high)}], allowed {_percent(allowed)}; they are in {changed.hit} of "
        f"{changed.all} images [{_percent(of_images.low)}, {_percent(of_images.high)}]"
    )
    if verdict is Verdict.INCONCLUSIVE:
        text += _needed_words(needed)
    return Check(
        SHARE,
        verdict,
        text + ("" if verdict is Verdict.PASS else _worst_lines(total)),
        {
            "share": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "confidence": CONFIDENCE,
            "allowed": allowed,
            "n": sums.hit,
            "n_all": sums.all,
            "design_effect": sums.design_effect(),
            "n_images": total.n_images,
            "n_changed_images": changed.hit,
            "n_images_to_decide": needed,
            "causes": dict(sorted(total.causes.items())),
        },
        value=100 * interval.estimate,
        limit=100 * allowed,
        unit="%",
    )


def _with_images(check: Check, means: Sequence[MeanOffset]) -> Check:
    """Add to an undecided check of offsets how many images would decide it."""
    if check.verdict is not Verdict.INCONCLUSIVE or not means:
        return check
    undecided = [m for m in means if m.verdict is Verdict.INCONCLUSIVE and str(m) in check.message]
    needed = max((_images_of(one) for one in undecided), default=None)
    message = check.message + _needed_words(needed)
    numbers = {**check.numbers, "n_images_to_decide": needed}
    return Check(**{**vars(check), "message": message, "numbers": numbers})


def _images_of(one: MeanOffset) -> int:
    """Estimate how many images would decide a mean: its interval shrinks as their root grows."""
    room = abs(one.allowed - abs(one.mean.estimate))
    half = (one.mean.high - one.mean.low) / 2
    return ceil(one.n_images * (half / max(room, 1e-6 * one.allowed)) ** 2)


def _check_counts(name: str, sums: ShareSums, allowed: float, total: ShardSums) -> Check:
    return share_check(name, sums.hit, sums.all, allowed, _worst_lines(total), {})


def _check_number(name: str, n: float, allowed: float, what: str, total: ShardSums) -> Check:
    is_fine = n <= allowed
    return Check(
        name,
        Verdict.PASS if is_fine else Verdict.FAIL,
        f"{n:g} {what}, allowed {allowed:g}" + ("" if is_fine else _worst_lines(total)),
        {"n": n, "allowed": allowed},
        value=n,
        limit=allowed,
        unit="count",
    )


def _needed_words(n_images: int | None) -> str:
    if n_images is None:
        return "; it is so near the limit that no number of images would decide"
    return f"; about {n_images} such images would decide"


def _worst_lines(total: ShardSums) -> str:
    return "".join(f"\n  {one.first}" for one in total.worst[:_N_LISTED])


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
