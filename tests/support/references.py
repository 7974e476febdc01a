"""Slow, readable forms of what the package computes fast: one box, one pair, one line at a time.

The recipes' numbers are written out again: one that changes in the package must not change here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from retinaface.checks.detection_changes import FLIP_OVERLAP, FLIP_SCORE, Change
from retinaface.detection.boxes import overlap_matrix

STRIDES = (8, 16, 32)
PRIOR_SIZES = ((10, 20), (32, 64), (128, 256))
VARIANCES = (0.1, 0.2)
MEAN_BGR = (104, 117, 123)
PAD = 114
LONG_SIDES = {"igie": 320, "ixrt": 320, "upstream-320": 320, "upstream-640": 640}


def prior_boxes_slow(
    height: int, width: int, strides: Sequence[int], sizes: Sequence[Sequence[int]]
) -> np.ndarray:
    rows = []
    for stride, level_sizes in zip(strides, sizes, strict=True):
        for i in range(math.ceil(height / stride)):
            for j in range(math.ceil(width / stride)):
                for size in level_sizes:
                    rows.append(
                        [
                            (j + 0.5) * stride / width,
                            (i + 0.5) * stride / height,
                            size / width,
                            size / height,
                        ]
                    )
    return np.array(rows, dtype=np.float32)


def encode_box(box_xyxy: np.ndarray, prior_cxcywh: np.ndarray, variances: tuple[float, float]):
    """The offsets that decode to a box (SSD, equation 2)."""
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    cx, cy, w, h = (float(v) for v in prior_cxcywh)
    return np.array(
        [
            ((x1 + x2) / 2 - cx) / (variances[0] * w),
            ((y1 + y2) / 2 - cy) / (variances[0] * h),
            math.log((x2 - x1) / w) / variances[1],
            math.log((y2 - y1) / h) / variances[1],
        ]
    )


def encode_points(points_xy: np.ndarray, priors_cxcywh: np.ndarray) -> np.ndarray:
    """The (P, 2 K) offsets that decode to (P, K, 2) points."""
    priors = priors_cxcywh.astype(np.float64)
    offsets = (points_xy - priors[:, None, :2]) / (VARIANCES[0] * priors[:, None, 2:])
    return offsets.reshape(len(priors), -1)


def decode_box_slow(loc: Sequence[float], prior_cxcywh: Sequence[float]) -> list[float]:
    cx, cy, w, h = (float(v) for v in prior_cxcywh)
    dx, dy, dw, dh = (float(v) for v in loc)
    centre_x, centre_y = cx + 0.1 * dx * w, cy + 0.1 * dy * h
    width, height = w * math.exp(0.2 * dw), h * math.exp(0.2 * dh)
    return [
        centre_x - width / 2,
        centre_y - height / 2,
        centre_x + width / 2,
        centre_y + height / 2,
    ]


def decode_points_slow(
    offsets: Sequence[float], prior_cxcywh: Sequence[float]
) -> list[tuple[float, float]]:
    cx, cy, w, h = (float(v) for v in prior_cxcywh)
    return [
        (cx + 0.1 * float(dx) * w, cy + 0.1 * float(dy) * h)
        for dx, dy in zip(offsets[0::2], offsets[1::2], strict=True)
    ]


def overlap_slow(a: Sequence[float], b: Sequence[float], extra: float) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    return width * height / (area_a + area_b - width * height)


def nms_slow(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    """Walk over boxes by falling score; keep one unless it overlaps a kept one too much."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(overlap_slow(boxes[k], boxes[i], 1.0) <= limit for k in kept):
            kept.append(i)
    return kept


def nms_numpy(boxes_xyxy: np.ndarray, scores: np.ndarray, overlap_limit: float) -> np.ndarray:
    """Keep the best box and drop what overlaps it, again and again; in the boxes' own type."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        overlap = overlap_matrix(boxes_xyxy[best][None], boxes_xyxy[rest], extra_px=1.0)[0]
        order = rest[overlap <= overlap_limit]
    return np.asarray(kept, dtype=np.int64)


class Placement(NamedTuple):
    """Where one recipe puts an image in the network input."""

    ratio: float
    width: int  # of the resized image
    height: int
    left: int  # first column and row of it in the input
    top: int
    input_width: int
    input_height: int


def placement_slow(name: str, height: int, width: int) -> Placement:
    """Follow the published scripts: sizes are truncated for igie and ixrt, rounded upstream."""
    side = LONG_SIDES[name]
    if name in ("igie", "ixrt"):
        ratio = side / max(height, width)
        w, h = int(width * ratio), int(height * ratio)
        if name == "ixrt":
            return Placement(ratio, w, h, 0, 0, side, side)
        left, top = (round((side - size) / 2 - 0.1) for size in (w, h))
        return Placement(ratio, w, h, left, top, side, side)
    ratio = side / min(height, width)
    if np.round(ratio * max(height, width)) > side:
        ratio = side / max(height, width)
    w, h = round(width * ratio), round(height * ratio)
    return Placement(ratio, w, h, 0, 0, w, h)


def preprocess_slow(name: str, image_bgr: np.ndarray) -> np.ndarray:
    """Network input (3, h, w) float32 of one image, channel by channel."""
    place = placement_slow(name, *image_bgr.shape[:2])
    if name.startswith("upstream"):
        # By the factor, not to a size: OpenCV then samples at exactly that factor.
        resized = cv2.resize(image_bgr.astype(np.float32), None, fx=place.ratio, fy=place.ratio)
    else:
        resized = cv2.resize(image_bgr, (place.width, place.height))
    planes = []
    for channel, mean in enumerate(MEAN_BGR):
        plane = cv2.copyMakeBorder(
            np.ascontiguousarray(resized[:, :, channel]).astype(np.float32),
            place.top,
            place.input_height - place.height - place.top,
            place.left,
            place.input_width - place.width - place.left,
            cv2.BORDER_CONSTANT,
            value=PAD,
        )
        planes.append(plane - np.float32(mean))
    return np.stack(planes)


def forward_slow(name: str, height: int, width: int, x: float, y: float) -> tuple[float, float]:
    """Where a point of the image, in pixels from its corner, lies in the input, in pixels."""
    place = placement_slow(name, height, width)
    if name.startswith("upstream"):
        return x * place.ratio, y * place.ratio
    return x * place.width / width + place.left, y * place.height / height + place.top


def way_back_slow(name: str, height: int, width: int, x: float, y: float) -> tuple[float, float]:
    """Fractions of the input to pixels of the image, as the recipe does it."""
    place = placement_slow(name, height, width)
    x, y = x * place.input_width, y * place.input_height
    if name != "igie":
        return x / place.ratio, y / place.ratio
    gain = place.height / height
    x = (x - (place.input_width - place.width) / 2) / gain
    y = (y - (place.input_height - place.height) / 2) / gain
    return min(max(x, 0.0), width), min(max(y, 0.0), height)


@cache
def _recipe_priors(height: int, width: int) -> np.ndarray:
    return prior_boxes_slow(height, width, STRIDES, PRIOR_SIZES)


class Face(NamedTuple):
    """One detection."""

    prior: int
    score: float
    box: tuple[float, float, float, float]
    points: list[tuple[float, float]]


def candidates_slow(
    name: str, height: int, width: int, outputs: Sequence[np.ndarray], score_limit: float = 0.02
) -> list[Face]:
    """Every prior above the limit with its box and points in the image, best first."""
    loc, scores, landmarks = outputs
    place = placement_slow(name, height, width)
    faces = []
    for i, prior in enumerate(_recipe_priors(place.input_height, place.input_width)):
        if float(scores[i, 1]) > score_limit:
            x1, y1, x2, y2 = decode_box_slow(loc[i], prior)
            points = [
                way_back_slow(name, height, width, x, y)
                for x, y in decode_points_slow(landmarks[i], prior)
            ]
            top_left = way_back_slow(name, height, width, x1, y1)
            bottom_right = way_back_slow(name, height, width, x2, y2)
            faces.append(Face(i, float(scores[i, 1]), (*top_left, *bottom_right), points))
    return sorted(faces, key=lambda face: (-face.score, face.prior))


def suppress_slow(faces: Sequence[Face]) -> list[Face]:
    """What is left of the candidates of one image."""
    boxes, scores = np.array([f.box for f in faces]), np.array([f.score for f in faces])
    return [faces[k] for k in nms_slow(boxes, scores, 0.4)]


def official_lines_slow(boxes_xyxy: np.ndarray, scores: np.ndarray) -> list[str]:
    lines = []
    for (x1, y1, x2, y2), score in zip(boxes_xyxy, scores, strict=True):
        numbers = [int(x1), int(y1), int(x2) - int(x1), int(y2) - int(y1)]
        # str, because a format string would widen the float32 first.
        lines.append(" ".join([*map(str, numbers), str(score)]))
    return lines


def ap_slow(images: Sequence[dict], n_thresholds: int = 1000) -> float:
    """WIDER FACE AP of one split, threshold by threshold.

    Args:
        images: One dictionary each: `boxes` (D, 4) xywh, `scores` (D,), `faces` (F, 4) xywh,
            `counted` (F,) bool.
        n_thresholds: Number of thresholds.
    """
    every_score = [s for image in images for s in image["scores"]]
    low, high = min([1.0, *every_score]), max([0.0, *every_score])
    curve = np.zeros((n_thresholds, 2))
    n_faces = 0
    for image in images:
        n_faces += int(np.sum(image["counted"]))
        if len(image["scores"]) == 0 or len(image["faces"]) == 0 or high == low:
            continue
        order = sorted(range(len(image["scores"])), key=lambda i: -image["scores"][i])
        found: set[int] = set()
        proposals = hits = 0
        progress = []  # after each detection: its score, detections so far, faces found so far
        for i in order:
            x, y, w, h = image["boxes"][i]
            overlaps = [
                overlap_slow((x, y, x + w, y + h), (fx, fy, fx + fw, fy + fh), 1.0)
                for fx, fy, fw, fh in image["faces"]
            ]
            best = int(np.argmax(overlaps))
            if overlaps[best] >= 0.5 and not image["counted"][best]:
                pass  # a hit on an ignored face is neither right nor wrong
            else:
                proposals += 1
                if overlaps[best] >= 0.5 and best not in found:
                    found.add(best)
                    hits += 1
            progress.append(((image["scores"][i] - low) / (high - low), proposals, hits))
        for t in range(n_thresholds):
            above = [p for p in progress if p[0] >= 1 - (t + 1) / n_thresholds]
            if above:
                curve[t] += above[-1][1:]
    precision = [hits / n if n else 0.0 for n, hits in curve]
    recall = [hits / n_faces if n_faces else 0.0 for _, hits in curve]
    area, previous = 0.0, 0.0
    for t in range(n_thresholds):
        area += (recall[t] - previous) * max(precision[t:])
        previous = recall[t]
    return area


def chains_slow(lost: Sequence[Change], gained: Sequence[Change]) -> list[Change]:
    """Changes that follow from others, found one pair at a time until no more are found."""
    sides = [list(lost), list(gained)]
    found_more = True
    while found_more:
        found_more = False
        for own, other in (sides, sides[::-1]):
            for i, change in enumerate(own):
                if not change.cause and any(_suppresses(better, change) for better in other):
                    own[i] = replace(change, cause="chain")
                    found_more = True
    return sides[0] + sides[1]


def _suppresses(better: Change, change: Change) -> bool:
    boxes = (np.array([one.box_xyxy]) for one in (better, change))
    overlap = overlap_matrix(*boxes, extra_px=1.0)[0, 0]
    is_better = better.score >= change.score - FLIP_SCORE
    return bool(better.cause and is_better and overlap > 0.4 - FLIP_OVERLAP)
