"""Make forty images, their usual detections, and a baseline of those."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retinaface.baselines.detections_file import write_detections
from retinaface.baselines.entries import Entry
from retinaface.checks.accuracy import accuracy_entry
from retinaface.checks.ap_changes import count_detections
from retinaface.detection.boxes import xyxy_from_xywh
from retinaface.detection.detections import Detections
from retinaface.records.write import images_sha256
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.ground_truth import GroundTruth
from tests.support.made.baselines import SOURCE

N_IMAGES = 40
# Heights of 12, 24, 48 and 96 px; the smallest counts in hard alone, the largest two in easy.
FACES = np.array([[0.0, 0, 12, 12], [50, 0, 24, 24], [150, 0, 48, 48], [300, 0, 96, 96]])
COUNTED = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 1]], dtype=bool)
BESIDE = np.array([[500.0, 200, 30, 30]])
NAMES = [f"{'0--Parade' if i < N_IMAGES // 2 else '1--Riot'}/{i}" for i in range(N_IMAGES)]


def truth_of(names: Sequence[str] = NAMES) -> GroundTruth:
    """Make the ground truth: the same four faces in each image."""
    n = len(names)
    return GroundTruth(tuple(names), (FACES,) * n, (COUNTED,) * n, tuple(names))


def detections(boxes_xywh: np.ndarray | list, scores: np.ndarray | list) -> Detections:
    """Make detections with all landmarks in the middle."""
    boxes = xyxy_from_xywh(np.float32(boxes_xywh).reshape(-1, 4))
    points = np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 5, axis=1)
    return Detections(boxes, np.float32(scores), points)


@functools.cache
def usual() -> dict[str, Detections]:
    """Make the usual detections: nine of ten faces, one detection beside, scores that vary."""
    rng = np.random.default_rng(0)
    found = {}
    for name in NAMES:
        keep = rng.random(len(FACES)) < 0.9
        boxes = np.concatenate([FACES[keep], BESIDE])
        found[name] = detections(boxes, rng.uniform(0.1, 0.9, len(boxes)))
    return found


def without(found: Mapping[str, Detections], *images: str) -> dict[str, Detections]:
    """Drop the detections of these images."""
    return {**found, **{image: detections([], []) for image in images}}


def baseline_of_usual(folder: Path) -> Entry:
    """Write a baseline of the usual detections into the folder."""
    write_detections(folder / "d.npz", usual())
    return Entry(
        accuracy_entry(
            pipeline="igie",
            precision="fp32",
            batch=32,
            ap=average_precision(count_detections(usual(), truth_of())),
            images_sha256=images_sha256(dict.fromkeys(NAMES, "0" * 64)),
            n_images=N_IMAGES,
            weights_sha256=None,
        )
        | {"source": SOURCE, "detections": {"file": "d.npz", "sha256": "0" * 64}},
        folder / "b.json",
    )
