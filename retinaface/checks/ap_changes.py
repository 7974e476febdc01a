"""Compare a run with a baseline over the same images: counts, and where AP was lost or gained."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.baselines.detections_file import read_detections
from retinaface.baselines.entries import Entry
from retinaface.checks.intervals import image_costs
from retinaface.detection.boxes import PLUS_ONE, overlap_matrix, xyxy_from_xywh
from retinaface.detection.detections import Detections
from retinaface.errors import BaselineError
from retinaface.telling.visible import visible
from retinaface.typing import IntArray
from retinaface.widerface.average_precision import Counts, count_set
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import official_form

_N_LISTED = 20
FACE_SIZES_PX = (0, 10, 16, 32, 64, 128, 10_000)


@dataclass(frozen=True)
class Comparison:
    """A result and a baseline over the same images.

    Attributes:
        baseline: Detections of the baseline.
        measured: Detections of the run.
        baseline_counts: Of the baseline, in the order of `truth`.
        measured_counts: Of the run, likewise.
    """

    truth: GroundTruth
    baseline: Mapping[str, Detections]
    measured: Mapping[str, Detections]
    baseline_counts: Counts
    measured_counts: Counts


def compare_with_entry(
    entry: Entry, measured: Mapping[str, Detections], truth: GroundTruth
) -> Comparison:
    """Read the detections of a baseline and count both sides alike.

    Args:
        entry: With detections.
        measured: Detections of the run; images beyond the baseline's are left out.
        truth: Of at least the baseline's images.

    Raises:
        BaselineError: The entry has no detections, they cannot be read, or they are of another
            number of images than it says.
        DatasetError: The ground truth lacks images of the baseline.
    """
    baseline = _stored_detections(entry)
    part = truth.select(baseline)
    return Comparison(
        part,
        baseline,
        {image: measured[image] for image in part.images if image in measured},
        count_detections(baseline, part),
        count_detections(measured, part),
    )


def _stored_detections(entry: Entry) -> dict[str, Detections]:
    path = entry.needed_detections()
    found = read_detections(path)
    if len(found) != (stated := entry.data["n_images"]):
        raise BaselineError(
            f"cannot compare with {entry}: n_images is {stated}, and {path.name} beside it holds "
            f"{len(found)} images; restore both: git checkout -- baselines"
        )
    return found


def count_detections(detections: Mapping[str, Detections], truth: GroundTruth) -> Counts:
    """Count detections, in their official form, over the images of `truth` in their order."""
    return count_set(
        {
            image: official_form(found.boxes_xyxy, found.scores)
            for image, found in detections.items()
        },
        truth,
    )


def explain_ap(comparison: Comparison) -> str:
    """Say where AP was lost or gained: images, events, sizes of faces."""
    costs = 100 * image_costs(comparison.baseline_counts, comparison.measured_counts)  # (I, S)
    images = comparison.truth.images
    order = np.argsort(-np.abs(costs).max(axis=1), kind="stable")[:_N_LISTED]
    splits = comparison.truth.splits
    lines = [f"AP points by image ({', '.join(splits)}), those that cost most:"]
    lines += [
        f"  {visible(images[i])}: {_points(costs[i])}"
        for i in order
        if np.abs(costs[i]).max() >= 0.0005
    ]
    by_event: dict[str, Any] = defaultdict(lambda: np.zeros(len(splits)))
    for image, cost in zip(images, costs, strict=True):
        by_event[image.rpartition("/")[0] or "."] += cost
    ranked = sorted(by_event.items(), key=lambda pair: -np.abs(pair[1]).max())[:8]
    lines.append("by event: " + "; ".join(f"{visible(e)} {_points(c)}" for e, c in ranked))
    lines.append("faces found, baseline -> run, by height in px: " + _by_size(comparison))
    return "\n".join(lines)


def _points(cost: Sequence[float]) -> str:
    return " ".join(f"{value:+.3f}" for value in cost)


def _by_size(comparison: Comparison) -> str:
    truth = comparison.truth
    heights = np.concatenate([faces[:, 3] for faces in truth.faces_xywh])
    hard = np.concatenate([counted[:, -1] for counted in truth.counted])
    found = [_found_faces(truth, side) for side in (comparison.baseline, comparison.measured)]
    parts = []
    for low, high in itertools.pairwise(FACE_SIZES_PX):
        here = hard & (heights >= low) & (heights < high)
        old, new = (int((mask & here).sum()) for mask in found)
        parts.append(
            f"{low}-{high if high < FACE_SIZES_PX[-1] else ''}: {old} -> {new} of {here.sum()}"
        )
    return ", ".join(parts)


def _found_faces(truth: GroundTruth, detections: Mapping[str, Detections]) -> IntArray:
    """Tell whether any detection, whatever its score, overlaps each face by half."""
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
