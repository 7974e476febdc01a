"""Judge AP and detections of a run by accepted baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retinaface.baselines.detections_file import as_stored
from retinaface.baselines.entries import Entry
from retinaface.checks.ap_changes import Comparison, explain_ap
from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import TOLERANCES, Tolerance, check_differences, most_changed
from retinaface.checks.intervals import CONFIDENCE, paired_ap_intervals
from retinaface.checks.offsets.judged import check_offsets
from retinaface.typing import Precision, float_of
from retinaface.verdicts import Check, Verdict, judge_interval
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS

# The smallest change of AP that counts, in points: an eighth of the images varies more.
DELTA_FULL, DELTA_PART = 0.1, 0.5
# Of the embedded set: four times the largest paired standard error between honest engines there,
# FP16 among them, 0.143 points (docs/embedded-set.md), rounded up. An honest difference lies within
# two of them, and its interval reaches two further. It is 1.7 faces of easy, 7.7 of hard.
DELTA_EMBEDDED = 0.6
# How far AP of the accepted detections may lie from its accepted value: rounding. Beyond it the
# evaluation moved.
_EVALUATION_SLACK = 0.005


def smallest_effect(n_images: int, *, is_embedded: bool = False) -> float:
    """Give the smallest change of AP that counts, in points."""
    if is_embedded:
        return DELTA_EMBEDDED
    return DELTA_FULL if n_images >= OFFICIAL_N_IMAGES else DELTA_PART


def check_ap(entry: Entry, comparison: Comparison) -> list[Check]:
    """Judge AP: the paired interval of the difference against the smallest effect that counts."""
    checks = [_check_evaluation(entry, comparison)]
    delta = float(entry.data["tolerance"]["ap_points"])
    intervals = paired_ap_intervals(comparison.baseline_counts, comparison.measured_counts)
    found = average_precision(comparison.measured_counts)
    for split, interval in intervals.items():
        low, estimate, high = (100 * x for x in (interval.low, interval.estimate, interval.high))
        verdict = judge_interval(low, high, delta)
        text = (
            f"{100 * found[split]:.2f}, baseline {entry.data['value'][split]:.2f}: {estimate:+.3f} "
            f"points, {CONFIDENCE:.0%} interval [{low:+.3f}, {high:+.3f}], allowed +-{delta:g}"
        )
        numbers = {"difference": estimate, "low": low, "high": high, "delta": delta}
        baseline = float(entry.data["value"][split])
        checks.append(
            Check(
                f"AP {split}", verdict, text, numbers, 100 * found[split], baseline, delta, "points"
            )
        )
    bad = next((i for i, c in enumerate(checks) if c.verdict is not Verdict.PASS), None)
    if bad is not None:
        message = f"{checks[bad].message}\n{explain_ap(comparison)}"
        checks[bad] = replace(checks[bad], message=message)
    return checks


def _check_evaluation(entry: Entry, comparison: Comparison) -> Check:
    """Tell whether the evaluation moved: AP of the accepted detections is a known number."""
    now = average_precision(comparison.baseline_counts)
    accepted = {split: float(entry.data["value"][split]) for split in SPLITS}
    off = {split: 100 * now[split] - accepted[split] for split in SPLITS}
    worst = max(abs(value) for value in off.values())
    return Check(
        "evaluation of the accepted detections",
        Verdict.PASS if worst <= _EVALUATION_SLACK else Verdict.FAIL,
        f"{' / '.join(f'{100 * now[s]:.2f}' for s in SPLITS)}, accepted as "
        f"{' / '.join(f'{accepted[s]:.2f}' for s in SPLITS)}; allowed "
        f"{_EVALUATION_SLACK} points: beyond that the evaluation or the ground truth moved, not "
        f"the detections, or `value` was edited in {entry.path.name}",
        {"off_points": off},
        value=worst,
        limit=_EVALUATION_SLACK,
        unit="points",
    )


def check_detections(entry: Entry, comparison: Comparison, precision: Precision) -> list[Check]:
    """Judge the detections themselves, which see far smaller changes than AP."""
    stated = entry.data["tolerance"]
    default = TOLERANCES[precision]
    tolerance = Tolerance(
        unmatched_share=stated.get("unmatched_share", default.unmatched_share),
        unexplained_share=stated.get("unexplained_share", default.unexplained_share),
        n_confident=stated.get("n_confident", default.n_confident),
    )
    found = differences(comparison.baseline, comparison.measured)
    return check_differences("against the baseline", found, tolerance)


def changed_images(comparison: Comparison, n_images: int) -> list[dict[str, Any]]:
    """Choose the images whose detections changed most; see `detections.most_changed`."""
    return most_changed(differences(comparison.baseline, comparison.measured), n_images)


def check_shifts(comparison: Comparison, precision: Precision) -> list[Check]:
    """Judge whether matched detections are shifted as a whole, which no match shows."""
    # Rounded like the stored ones: what rounding does to a mean, 1/32 px, cancels out.
    rounded = {image: as_stored(found) for image, found in comparison.measured.items()}
    found = differences(comparison.baseline, rounded)
    offsets = [difference.offsets for difference in found]
    rounding = float_of(precision)
    return check_offsets("against the baseline", offsets, (rounding, rounding))


def check_published(entry: Entry, ap: Mapping[str, float]) -> list[Check]:
    """Compare AP with a published number, which has no detections to pair with."""
    allowed = float(entry.data["tolerance"]["ap_points"])
    checks = []
    for split in SPLITS:
        published, found = float(entry.data["value"][split]), 100 * ap[split]
        is_fine = abs(found - published) <= allowed
        checks.append(
            Check(
                f"published AP {split}",
                Verdict.PASS if is_fine else Verdict.FAIL,
                f"{found:.2f}, published {published:.2f} by {entry.data['source']['by']}; allowed "
                f"+-{allowed:g} points ({entry.data['reason']})",
                value=found,
                baseline=published,
                limit=allowed,
                unit="points",
            )
        )
    return checks


def not_comparable(nearest: tuple[Entry, Mapping[str, tuple[Any, Any]]]) -> Check:
    """Say which keys differ, where no baseline has those of the run."""
    entry, differing = nearest
    keys = ", ".join(
        f"{k}: baseline {_short(a)}, run {_short(b)}" for k, (a, b) in differing.items()
    )
    return Check(
        "baseline",
        Verdict.INCONCLUSIVE,
        f"not comparable with {entry}: {keys}; name another with --baseline, or accept this run's: "
        "--accept-baseline --reason TEXT",
        {"differing": {k: list(v) for k, v in differing.items()}},
    )


def _short(value: Any) -> str:
    text = str(value)
    return text[:16] if len(text) == 64 else text


def accuracy_entry(
    *,
    pipeline: str,
    precision: Precision,
    batch: int,
    ap: Mapping[str, float],
    images_sha256: str,
    n_images: int,
    weights_sha256: str | None,
    is_embedded: bool = False,
    device: str = "any",
) -> dict[str, Any]:
    """Make a baseline entry for a result, without its source and detections.

    Args:
        device: INT8 belongs to one; AP of floats is the same on any.
    """
    tolerance = TOLERANCES[precision]
    delta = smallest_effect(n_images, is_embedded=is_embedded)
    which = "embedded " if is_embedded else ""
    return {
        "metric": "accuracy",
        "pipeline": pipeline,
        "precision": precision,
        "device": device,
        "batch": batch,
        "images_sha256": images_sha256,
        "n_images": n_images,
        "weights_sha256": weights_sha256,
        "value": {split: round(100 * value, 4) for split, value in ap.items()},
        "unit": "percent",
        "tolerance": {
            "ap_points": delta,
            "unmatched_share": tolerance.unmatched_share,
            "unexplained_share": tolerance.unexplained_share,
            "n_confident": tolerance.n_confident,
        },
        "reason": (
            f"{delta:g} points is the smallest effect that counts over {n_images} {which}images; "
            f"the shares are what {precision} rounding on another runtime showed, with room"
        ),
    }
