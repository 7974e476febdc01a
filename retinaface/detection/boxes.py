"""Compute with boxes in arrays: decode the network's offsets, overlaps, areas, suppression."""

from __future__ import annotations

import cv2
import numpy as np

from retinaface.typing import FloatArray, IntArray

# The Pascal VOC convention: a box from pixel 3 to pixel 3 is one pixel wide.
PLUS_ONE = 1.0


def decode_boxes(
    loc: FloatArray, priors_cxcywh: FloatArray, variances: tuple[float, float]
) -> FloatArray:
    """Turn box offsets into corners (SSD, Liu et al. 2016, equation 2, solved for the box).

    Args:
        loc: (..., P, 4) float32 offsets: centre x, centre y, log width, log height.
        priors_cxcywh: (P, 4) float32, fractions of the input size.
        variances: Scale of the centre offsets and of the size offsets.

    Returns:
        (..., P, 4) float32: x1, y1, x2, y2 as fractions of the input size.
    """
    centre = priors_cxcywh[:, :2] + loc[..., :2] * np.float32(variances[0]) * priors_cxcywh[:, 2:]
    size = priors_cxcywh[:, 2:] * np.exp(loc[..., 2:] * np.float32(variances[1]))
    top_left = centre - size / 2
    return np.concatenate([top_left, top_left + size], axis=-1)


def decode_landmarks(
    offsets: FloatArray, priors_cxcywh: FloatArray, variances: tuple[float, float]
) -> FloatArray:
    """Turn landmark offsets into points.

    Args:
        offsets: (..., P, 2 K) float32: x, y of each of K points.
        priors_cxcywh: (P, 4) float32, fractions of the input size.
        variances: The first scales the offsets; the second is not used.

    Returns:
        (..., P, 2 K) float32: x, y of each point as fractions of the input size.
    """
    n_points = offsets.shape[-1] // 2
    centre = np.tile(priors_cxcywh[:, :2], n_points)
    size = np.tile(priors_cxcywh[:, 2:], n_points)
    return centre + offsets * np.float32(variances[0]) * size


def xyxy_from_xywh(boxes_xywh: FloatArray) -> FloatArray:
    """Compute the corners of (N, 4) boxes given as left, top, width, height."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def overlap_matrix(a_xyxy: FloatArray, b_xyxy: FloatArray, *, extra_px: float) -> FloatArray:
    """Compute intersection over union of every pair.

    Args:
        a_xyxy: (N, 4), x1 <= x2 and y1 <= y2.
        b_xyxy: (M, 4), in the same order.
        extra_px: Added to every width and height: `PLUS_ONE` for the Pascal VOC convention that
            WIDER FACE and the NMS of this model use, 0 for plain geometry.

    Returns:
        (N, M) of the inputs' common float type, in [0, 1]; 0 where the union is empty.
    """
    a, b = a_xyxy[:, None, :], b_xyxy[None, :, :]
    # In place where possible, because the matrices take the time.
    intersection = _shared_length(a[..., 0], a[..., 2], b[..., 0], b[..., 2], extra_px)  # (N, M)
    intersection *= _shared_length(a[..., 1], a[..., 3], b[..., 1], b[..., 3], extra_px)
    union = box_areas(a, extra_px=extra_px) + box_areas(b, extra_px=extra_px)
    union -= intersection
    overlap = np.zeros_like(intersection)
    np.divide(intersection, union, out=overlap, where=np.abs(union) > 0)
    return overlap


def _shared_length(
    a_low: FloatArray, a_high: FloatArray, b_low: FloatArray, b_high: FloatArray, extra: float
) -> FloatArray:
    length = np.minimum(a_high, b_high)
    length -= np.maximum(a_low, b_low)
    length += extra
    return np.maximum(length, 0, out=length)


def box_areas(boxes_xyxy: FloatArray, *, extra_px: float) -> FloatArray:
    """Compute areas of (..., 4) boxes, with `extra_px` added to widths and heights."""
    width = boxes_xyxy[..., 2] - boxes_xyxy[..., 0] + extra_px
    height = boxes_xyxy[..., 3] - boxes_xyxy[..., 1] + extra_px
    return np.asarray(width * height)


# OpenCV compares 1 - float32(1 - overlap) with the limit, which is off by up to two float32 steps
# below 1. This margin keeps a box whose overlap is exactly the limit.
_ROUNDING = 2.0**-23


def nms(boxes_xyxy: FloatArray, scores: FloatArray, overlap_limit: float) -> IntArray:
    """Keep the best box of each overlapping group (greedy, widths and heights + 1, Fast R-CNN).

    `cv2.dnn.NMSBoxes` adds no + 1, so it gets boxes that are one pixel wider and higher, which
    gives the same overlaps. It computes in float64, except for the comparison with the limit
    (`_ROUNDING`).

    Args:
        boxes_xyxy: (N, 4) float, pixels of the original image, x1 <= x2 and y1 <= y2.
        scores: (N,) float. Among equal scores the lower index wins.
        overlap_limit: A box is dropped when its overlap with a kept one is greater than this;
            in [0, 1].

    Returns:
        (K,) int64 indices into `boxes_xyxy`, best first. Empty for N = 0.

    Raises:
        ValueError: Shapes disagree, or the limit lies outside [0, 1].
    """
    n = len(boxes_xyxy)
    if boxes_xyxy.shape != (n, 4) or scores.shape != (n,):
        raise ValueError(
            f"nms: expected boxes (N, 4) and scores (N,), got {boxes_xyxy.shape} and {scores.shape}"
        )
    if not 0 <= overlap_limit <= 1:
        raise ValueError(f"nms: overlap limit must lie in [0, 1], got {overlap_limit}")
    order = np.argsort(-scores, kind="stable")
    boxes_xywh = boxes_xyxy[order].astype(np.float64)
    boxes_xywh[:, 2:] += PLUS_ONE - boxes_xywh[:, :2]
    # Ranks replace scores, because OpenCV drops scores that are not above 0, and any score counts.
    ranks = np.arange(n, 0, -1, dtype=np.float32)
    limit = overlap_limit + _ROUNDING
    kept = cv2.dnn.NMSBoxes(boxes_xywh, ranks, 0.0, limit)  # type: ignore[arg-type]
    return order[np.asarray(kept, dtype=np.int64).reshape(-1)]
