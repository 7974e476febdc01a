"""Compute in a slow, readable form what the package computes fast: one box or image at a time.

The numbers of the recipes are written out again, so that a change in the package shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from retinaface.typing import FloatArray

STRIDES = (8, 16, 32)
PRIOR_SIZES = ((10, 20), (32, 64), (128, 256))
VARIANCES = (0.1, 0.2)
MEAN_BGR = (104, 117, 123)
PAD = 114
LONG_SIDES = {"igie": 320, "ixrt": 320, "upstream-320": 320, "upstream-640": 640}


def prior_boxes_slow(
    height: int, width: int, strides: Sequence[int], sizes: Sequence[Sequence[int]]
) -> FloatArray:
    """Lay out the priors cell by cell, (P, 4) cxcywh in fractions of the input."""
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


def encode_box(
    box_xyxy: FloatArray, prior_cxcywh: FloatArray, variances: tuple[float, float]
) -> FloatArray:
    """Compute the offsets that decode to a box (SSD, equation 2)."""
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


def encode_points(points_xy: FloatArray, priors_cxcywh: FloatArray) -> FloatArray:
    """Compute the (P, 2 K) offsets that decode to (P, K, 2) points."""
    priors = priors_cxcywh.astype(np.float64)
    offsets = (points_xy - priors[:, None, :2]) / (VARIANCES[0] * priors[:, None, 2:])
    return offsets.reshape(len(priors), -1)


def decode_box_slow(loc: Sequence[float], prior_cxcywh: Sequence[float]) -> list[float]:
    """Decode the box of one prior, xyxy in fractions of the input."""
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
    """Decode the points of one prior, in fractions of the input."""
    cx, cy, w, h = (float(v) for v in prior_cxcywh)
    return [
        (cx + 0.1 * float(dx) * w, cy + 0.1 * float(dy) * h)
        for dx, dy in zip(offsets[0::2], offsets[1::2], strict=True)
    ]


def overlap_slow(a: Sequence[float], b: Sequence[float], extra: float) -> float:
    """Divide intersection by union of two boxes, `extra` added to widths and heights."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    return width * height / (area_a + area_b - width * height)


def nms_slow(boxes: FloatArray, scores: FloatArray, limit: float) -> list[int]:
    """Walk over boxes by falling score; keep one unless it overlaps a kept one too much."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(overlap_slow(boxes[k], boxes[i], 1.0) <= limit for k in kept):
            kept.append(i)
    return kept


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


def preprocess_slow(name: str, image_bgr: FloatArray) -> FloatArray:
    """Make the network input (3, h, w) float32 of one image, channel by channel."""
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
    """Find where a point of the image, in pixels from its corner, lies in the input, in pixels."""
    place = placement_slow(name, height, width)
    if name.startswith("upstream"):
        return x * place.ratio, y * place.ratio
    return x * place.width / width + place.left, y * place.height / height + place.top


def way_back_slow(name: str, height: int, width: int, x: float, y: float) -> tuple[float, float]:
    """Map fractions of the input to pixels of the image, as the recipe does."""
    place = placement_slow(name, height, width)
    x, y = x * place.input_width, y * place.input_height
    if name != "igie":
        return x / place.ratio, y / place.ratio
    gain = place.height / height
    x = (x - (place.input_width - place.width) / 2) / gain
    y = (y - (place.input_height - place.height) / 2) / gain
    return min(max(x, 0.0), width), min(max(y, 0.0), height)


@cache
def _recipe_priors(height: int, width: int) -> FloatArray:
    return prior_boxes_slow(height, width, STRIDES, PRIOR_SIZES)


class Face(NamedTuple):
    """One detection."""

    prior: int
    score: float
    box: tuple[float, float, float, float]
    points: list[tuple[float, float]]


def candidates_slow(
    name: str, height: int, width: int, outputs: Sequence[FloatArray], score_limit: float = 0.02
) -> list[Face]:
    """List every prior above the limit with its box and points in the image, best first."""
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
    """Keep the candidates of one image that survive suppression."""
    boxes, scores = np.array([f.box for f in faces]), np.array([f.score for f in faces])
    return [faces[k] for k in nms_slow(boxes, scores, 0.4)]
