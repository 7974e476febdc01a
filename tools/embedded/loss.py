"""Compute the multibox loss: match priors with faces, and measure their outputs' errors.

Matching and hard-negative mining follow SSD (Liu et al. 2016, section 2.2), the landmark term
follows RetinaFace (Deng et al. 2020, equation 1), and the weights are those of
Face-Detector-1MB-with-landmark for this network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from retinaface.detection.boxes import overlap_matrix
from retinaface.network.config import MOBILENET_025
from retinaface.network.priors import prior_boxes

MATCH_OVERLAP = 0.35
# A face that no prior overlaps by this much is too small to learn; its best prior does not count.
LEAST_OVERLAP = 0.10
NEGATIVES_PER_POSITIVE = 7
LOC_WEIGHT = 2.0


@dataclass(frozen=True)
class Targets:
    """The outputs that the priors of a batch should give.

    Attributes:
        labels: (N, P) int64: 1 face, 0 none, -1 not judged.
        loc: (N, P, 4) float32 offsets; they count where the label is 1.
        landmarks: (N, P, 10) float32 offsets; they count where the label is 1.
    """

    labels: torch.Tensor
    loc: torch.Tensor
    landmarks: torch.Tensor


def make_targets(
    boxes_xyxy: list[NDArray[np.float32]], landmarks_xy: list[NDArray[np.float32]], side_px: int
) -> Targets:
    """Match priors with faces.

    Args:
        boxes_xyxy: For each image (F, 4), fractions of the input.
        landmarks_xy: For each image (F, 5, 2), fractions of the input.
        side_px: Side of the square input.
    """
    priors = prior_boxes(side_px, side_px)  # (P, 4) cxcywh
    corners = np.concatenate(
        [priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2], axis=1
    )
    rows = [
        _match(priors, corners, boxes, points)
        for boxes, points in zip(boxes_xyxy, landmarks_xy, strict=True)
    ]
    labels, loc, landmarks = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
    return Targets(labels, loc, landmarks)


def _match(
    priors: NDArray[np.float32],
    corners: NDArray[np.float32],
    boxes: NDArray[np.float32],
    points: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    n = len(priors)
    labels = np.zeros(n, np.int64)
    if not len(boxes):
        return labels, np.zeros((n, 4), np.float32), np.zeros((n, 10), np.float32)
    overlaps = overlap_matrix(corners, boxes, extra_px=0)  # (P, F)
    face = overlaps.argmax(axis=1)
    best = overlaps.max(axis=1)
    best_prior, best_of_face = overlaps.argmax(axis=0), overlaps.max(axis=0)
    labels[best >= MATCH_OVERLAP] = 1
    for j in np.argsort(best_of_face):  # each face gets its best prior, whatever the overlap
        is_learned = best_of_face[j] >= LEAST_OVERLAP
        labels[best_prior[j]] = 1 if is_learned else -1
        face[best_prior[j]] = j
    centre_variance, size_variance = MOBILENET_025.variances
    matched = boxes[face]
    centre = ((matched[:, :2] + matched[:, 2:]) / 2 - priors[:, :2]) / (
        centre_variance * priors[:, 2:]
    )
    size = np.log(np.maximum(matched[:, 2:] - matched[:, :2], 1e-4) / priors[:, 2:]) / size_variance
    offsets = (points[face] - priors[:, None, :2]) / (centre_variance * priors[:, None, 2:])
    loc = np.concatenate([centre, size], axis=1).astype(np.float32)
    return labels, loc, offsets.reshape(n, -1).astype(np.float32)


def multibox_loss(
    loc: torch.Tensor, logits: torch.Tensor, landmarks: torch.Tensor, targets: Targets
) -> torch.Tensor:
    """Add the errors of boxes, scores and landmarks, divided by the number of matched priors.

    Args:
        loc: (N, P, 4) offsets.
        logits: (N, P, 2) before softmax.
        landmarks: (N, P, 10) offsets.
        targets: What they should be.

    Returns:
        A scalar. Among priors without a face only the worst count, seven for each prior with one.
    """
    is_face = targets.labels == 1
    n_faces = is_face.sum().clamp(min=1)
    loc_loss = functional.smooth_l1_loss(loc[is_face], targets.loc[is_face], reduction="sum")
    landmark_loss = functional.smooth_l1_loss(
        landmarks[is_face], targets.landmarks[is_face], reduction="sum"
    )
    wrong = functional.cross_entropy(
        logits.flatten(0, 1), targets.labels.clamp(min=0).flatten(), reduction="none"
    ).view_as(targets.labels)
    with torch.no_grad():
        negatives = wrong.masked_fill(targets.labels != 0, -1.0)
        n_wanted = (NEGATIVES_PER_POSITIVE * is_face.sum(dim=1, keepdim=True)).clamp(min=32)
        rank = negatives.argsort(dim=1, descending=True).argsort(dim=1)
        is_hard = (rank < n_wanted) & (negatives >= 0)
    score_loss = wrong[is_face | is_hard].sum()
    total: torch.Tensor = (LOC_WEIGHT * loc_loss + score_loss + landmark_loss) / n_faces
    return total
