"""A run's accuracy held against accepted baselines, and where a difference comes from."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retinaface.baselines.detections_file import read_detections
from retinaface.baselines.entries import Entry
from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import TOLERANCES, Tolerance, check_differences
from retinaface.checks.intervals import CONFIDENCE, image_costs, paired_ap_intervals
from retinaface.detection.boxes import PLUS_ONE, overlap_matrix, xyxy_from_xywh
from retinaface.detection.detections import Detections
from retinaface.typing import IntArray, Precision
from retinaface.verdicts import Check, Verdict, judge_interval
from retinaface.widerface.average_precision import Counts, average_precision, count_set
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS, GroundTruth
from retinaface.widerface.predictions import official_form

# The smallest change of AP that counts, in points: an eighth of the images varies more.
DELTA_FULL, DELTA_PART = 0.1, 0.5
# Of the embedded set: four times the largest paired standard error between honest engines there,
# FP16 among them, 0.143 points (docs/embedded-set.md), rounded up. An honest difference lies within
# two of them, and its interval reaches two further. It is 1.7 faces of easy, 7.7 of hard.
DELTA_EMBEDDED = 0.6
# AP of the stored detections must come out as it was accepted: more means the evaluation moved.
_EVALUATION_SLACK = 0.005
_N_LISTED = 20
_SIZES_PX = (0, 10, 16, 32, 64, 128, 10_000)


def smallest_effect(n_images: int, *, is_embedded: bool = False) -> float:
    """The smallest change of AP that counts, in points."""
    if is_embedded:
        return DELTA_EMBEDDED
    return DELTA_FULL if n_images >= OFFICIAL_N_IMAGES else DELTA_PART


@dataclass(frozen=True)
class Comparison:
    """A result and a baseline over the same images.

    Attributes:
        truth: The images and their faces.
        reference: Detections of the baseline.
        candidate: Detections of the run.
        reference_counts: Of the baseline, in the order of `truth`.
        candidate_counts: Of the run, likewise.
    """

    truth: GroundTruth
    reference: Mapping[str, Detections]
    candidate: Mapping[str, Detections]
    reference_counts: Counts
    candidate_counts: Counts


def compare_with_entry(
    entry: Entry, candidate: Mapping[str, Detections], truth: GroundTruth
) -> Comparison:
    """Read the detections of a baseline and count both sides alike.

    Args:
        entry: With detections.
        candidate: Of the run; images beyond the baseline's are left out.
        truth: Of at least the baseline's images.

    Raises:
        BaselineError: The stored detections cannot be read.
        DatasetError: The baseline has images that the ground truth has not.
    """
    path = entry.detections_path
    assert path is not None, "the caller chose an entry with detections"  # noqa: S101
    reference = read_detections(path)
    part = truth.select(reference)
    return Comparison(
        part,
        reference,
        {image: candidate[image] for image in part.images if image in candidate},
        count_detections(reference, part),
        count_detections(candidate, part),
    )


def count_detections(detections: Mapping[str, Detections], truth: GroundTruth) -> Counts:
    """Counts over the images of `truth`, in their order, from detections in the official form."""
    return count_set(
        {
            image: official_form(found.boxes_xyxy, found.scores)
            for image, found in detections.items()
        },
        truth,
    )


def check_ap(entry: Entry, comparison: Comparison) -> list[Check]:
    """Judge AP: the paired interval of the difference against the smallest effect that counts."""
    checks = [_check_evaluation(entry, comparison)]
    delta = float(entry.data["tolerance"]["ap_points"])
    intervals = paired_ap_intervals(comparison.reference_counts, comparison.candidate_counts)
    found = average_precision(comparison.candidate_counts)
    for split, interval in intervals.items():
        low, estimate, high = (100 * x for x in (interval.low, interval.estimate, interval.high))
        verdict = judge_interval(low, high, delta)
        text = (
            f"{100 * found[split]:.2f}, baseline {entry.data['value'][split]:.2f}: {estimate:+.3f} "
            f"points, {CONFIDENCE:.0%} interval [{low:+.3f}, {high:+.3f}], allowed +-{delta:g}"
        )
        numbers = {"difference": estimate, "low": low, "high": high, "delta": delta}
        checks.append(Check(f"AP {split}", verdict, text, numbers))
    bad = next((i for i, c in enumerate(checks) if c.verdict is not Verdict.PASS), None)
    if bad is not None:
        message = f"{checks[bad].message}\n{explain_ap(comparison)}"
        checks[bad] = replace(checks[bad], message=message)
    return checks


def _check_evaluation(entry: Entry, comparison: Comparison) -> Check:
    """AP of the accepted detections is a known number: it tells whether the evaluation moved."""
    now = average_precision(comparison.reference_counts)
    accepted = {split: float(entry.data["value"][split]) for split in SPLITS}
    off = {split: 100 * now[split] - accepted[split] for split in SPLITS}
    worst = max(abs(value) for value in off.values())
    return Check(
        "evaluation of the accepted detections",
        Verdict.PASS if worst <= _EVALUATION_SLACK else Verdict.FAIL,
        f"{' / '.join(f'{100 * now[s]:.2f}' for s in SPLITS)}, accepted as "
        f"{' / '.join(f'{accepted[s]:.2f}' for s in SPLITS)}; allowed "
        f"{_EVALUATION_SLACK} points: beyond that the evaluation or the ground truth moved, not "
        "the detections",
        {"off_points": off},
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
    found = differences(comparison.reference, comparison.candidate)
    return check_differences("against the baseline", found, tolerance)


def check_published(entry: Entry, ap: Mapping[str, float]) -> list[Check]:
    """Hold AP against a published number, which has no detections to pair with."""
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
                {"value": found, "published": published, "allowed": allowed},
            )
        )
    return checks


def explain_ap(comparison: Comparison) -> str:
    """Where AP was lost or gained: images, events, sizes of faces."""
    costs = 100 * image_costs(comparison.reference_counts, comparison.candidate_counts)  # (I, 3)
    images = comparison.truth.images
    order = np.argsort(-np.abs(costs).max(axis=1), kind="stable")[:_N_LISTED]
    lines = ["AP points by image (easy, medium, hard), those that cost most:"]
    lines += [
        f"  {images[i]}: {_points(costs[i])}" for i in order if np.abs(costs[i]).max() >= 0.0005
    ]
    by_event: dict[str, Any] = defaultdict(lambda: np.zeros(len(SPLITS)))
    for image, cost in zip(images, costs, strict=True):
        by_event[image.partition("/")[0]] += cost
    ranked = sorted(by_event.items(), key=lambda pair: -np.abs(pair[1]).max())[:8]
    lines.append("by event: " + "; ".join(f"{e} {_points(c)}" for e, c in ranked))
    lines.append("faces found, baseline -> run, by height in px: " + _by_size(comparison))
    return "\n".join(lines)


def _points(cost: Sequence[float]) -> str:
    return " ".join(f"{value:+.3f}" for value in cost)


def _by_size(comparison: Comparison) -> str:
    truth = comparison.truth
    heights = np.concatenate([faces[:, 3] for faces in truth.faces_xywh])
    hard = np.concatenate([counted[:, -1] for counted in truth.counted])
    found = [_found_faces(truth, side) for side in (comparison.reference, comparison.candidate)]
    parts = []
    for low, high in itertools.pairwise(_SIZES_PX):
        here = hard & (heights >= low) & (heights < high)
        old, new = (int((mask & here).sum()) for mask in found)
        parts.append(
            f"{low}-{high if high < _SIZES_PX[-1] else ''}: {old} -> {new} of {here.sum()}"
        )
    return ", ".join(parts)


def _found_faces(truth: GroundTruth, detections: Mapping[str, Detections]) -> IntArray:
    """Whether any detection, whatever its score, overlaps each face by half."""
    masks = []
    for image, faces in zip(truth.images, truth.faces_xywh, strict=True):
        found = detections.get(image)
        if found is None or not len(found.scores) or not len(faces):
            masks.append(np.zeros(len(faces), dtype=bool))
            continue
        overlap = overlap_matrix(
            found.boxes_xyxy.astype(np.float64), xyxy_from_xywh(faces), extra_px=PLUS_ONE
        )
        masks.append(overlap.max(axis=0) >= 0.5)
    return np.concatenate(masks)


def not_comparable(nearest: tuple[Entry, Mapping[str, tuple[Any, Any]]]) -> Check:
    """No baseline has the keys of the run: say which differ."""
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
) -> dict[str, Any]:
    """A baseline entry for a result, without its source and detections."""
    tolerance = TOLERANCES[precision]
    delta = smallest_effect(n_images, is_embedded=is_embedded)
    which = "embedded " if is_embedded else ""
    return {
        "metric": "accuracy",
        "pipeline": pipeline,
        "precision": precision,
        "device": "any",
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
