"""Draw examples for properties: overlapping boxes, image sizes, raw outputs, scored images."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from retinaface.detection.pipelines import PIPELINES, Geometry, preprocess
from retinaface.typing import ByteArray, FloatArray

# Quarter pixels are exact in float32, so that a fast and a slow form round alike.
_POSITIONS = st.integers(0, 20)
_SIZES = st.sampled_from([24, 28, 32, 20, 36, 48, 16, 12, 4, 0])
_TIED_SCORES = st.sampled_from([0.03125, 0.5, 0.75, 1.0])
# Sizes at which something happens: no resizing, odd padding, 77 * (320 / 77) < 320, nearly square.
ODD_SIZES = [
    (320, 320),
    (320, 213),
    (683, 1024),
    (200, 1024),
    (60, 77),
    (1023, 1024),
    (640, 639),
    (1, 1),
]

LIMIT = np.float32(0.02)
JUST_ABOVE = np.nextafter(LIMIT, np.float32(1))


@st.composite
def boxes_xyxy(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> FloatArray:
    """Draw (N, 4) float32; every fifth pair or so overlaps by 0.25 to 0.55 with the + 1."""
    box = st.tuples(_POSITIONS, _POSITIONS, _SIZES, _SIZES)
    n = draw(st.integers(min_size, max_size))
    rows = draw(st.lists(box, min_size=n, max_size=n))
    x, y, w, h = np.array(rows, dtype=np.float32).reshape(-1, 4).T / 4
    return np.stack([x, y, x + w, y + h], axis=1)


@st.composite
def scored_boxes(
    draw: st.DrawFn, *, distinct: bool = False, max_size: int = 12
) -> tuple[FloatArray, FloatArray]:
    """Draw boxes as above and their float32 scores, with ties or all distinct."""
    boxes = draw(boxes_xyxy(max_size=max_size))
    n = len(boxes)
    if distinct:
        scores = [(rank + 1) / 256 for rank in draw(st.permutations(range(n)))]
    else:
        scores = draw(st.lists(_TIED_SCORES, min_size=n, max_size=n))
    return boxes, np.array(scores, dtype=np.float32)


@st.composite
def image_sizes(draw: st.DrawFn, *, longest: int = 500) -> tuple[int, int]:
    """Draw height and width of an image that no recipe shrinks to nothing."""
    if draw(st.booleans()):
        return draw(st.sampled_from(ODD_SIZES))
    long = draw(st.integers(1, longest))
    short = draw(st.integers(long // 300 + 1, long))
    return (short, long) if draw(st.booleans()) else (long, short)


def noise_image(height: int, width: int, seed: int) -> ByteArray:
    """Make a (H, W, 3) uint8 image of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@cache
def geometry(name: str, height: int, width: int) -> Geometry:
    """Ask the package for the geometry of an image of this size."""
    return preprocess(np.zeros((height, width, 3), np.uint8), PIPELINES[name])[1]


@cache
def _noise(n_rows: int, n_columns: int) -> FloatArray:
    rng = np.random.default_rng(n_columns)
    return rng.normal(0, 1, (n_rows, n_columns)).astype(np.float32)


@st.composite
def raw_outputs(
    draw: st.DrawFn, n_priors: int
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], list[int]]:
    """Draw one image's (P, 4), (P, 2), (P, 10) float32, and the priors that may exceed the limit.

    The other priors hold one score, the limit or 0, and boxes and points of their own.
    """
    loc, landmarks = (_noise(n_priors, k).copy() for k in (4, 10))
    face_scores = np.full(n_priors, draw(st.sampled_from([LIMIT, np.float32(0)])))
    # Neighbours among the large priors, which stand last, overlap.
    first = n_priors - 1 - draw(st.integers(0, 150) | st.integers(0, n_priors - 1))
    scores = st.sampled_from([0.5, 0.25, 1.0, 0.75, 0.375, LIMIT, JUST_ABOVE])
    offsets = st.sampled_from([0.0, 0.5, -0.5, 1.0, -1.0, 3.0])
    one = st.tuples(scores, offsets, offsets, offsets, offsets)
    n = draw(st.integers(0, 8))
    steps = draw(st.lists(st.integers(0, 9), unique=True, min_size=n, max_size=n))
    indices = [(first - step) % n_priors for step in steps]
    for i in indices:
        score, *offset = draw(one)
        face_scores[i], loc[i] = score, offset
    return (loc, np.stack([1 - face_scores, face_scores], axis=1), landmarks), indices


@st.composite
def scored_images(
    draw: st.DrawFn, *, max_images: int = 4, max_faces: int = 4, max_boxes: int = 6
) -> list[dict[str, Any]]:
    """Draw images as `ap_slow` takes them, `counted` (F, 3); most detections are near a face."""
    pixel, size = st.integers(0, 40), st.integers(0, 20)
    box = st.tuples(pixel, pixel, size, size)
    score = st.integers(20, 1000).map(lambda s: s / 1000)
    images = []
    for _ in range(draw(st.integers(1, max_images))):
        n_faces, n_boxes = draw(st.integers(0, max_faces)), draw(st.integers(0, max_boxes))
        faces = draw(st.lists(box, unique=True, min_size=n_faces, max_size=n_faces))
        near = box
        if faces:
            shift = st.integers(-3, 3)
            on = st.sampled_from(faces)
            near = on | st.builds(_move, on, shift, shift) | box
        scores = draw(st.lists(score, unique=True, min_size=n_boxes, max_size=n_boxes))
        boxes = draw(st.lists(near, min_size=n_boxes, max_size=n_boxes))
        split = st.lists(st.booleans(), min_size=3, max_size=3)
        counted = draw(st.lists(split, min_size=len(faces), max_size=len(faces)))
        images.append(
            {
                "boxes": np.array(boxes, dtype=np.float64).reshape(-1, 4),
                "scores": np.array(scores, dtype=np.float64),
                "faces": np.array(faces, dtype=np.float64).reshape(-1, 4),
                "counted": np.array(counted, dtype=np.bool_).reshape(-1, 3),
            }
        )
    return images


def _move(box: tuple[int, int, int, int], dx: int, dy: int) -> tuple[int, int, int, int]:
    return box[0] + dx, box[1] + dy, box[2], box[3]
