"""Compare our detections with those that other people's code made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from retinaface.checks.detection_matching import match_detections
from retinaface.detection.boxes import xyxy_from_xywh
from retinaface.widerface.predictions import Predictions

# Goldens stop at a score of 0.02, where a last bit decides; compare what is clear of that limit.
SCORE_ABOVE = 0.03


def golden_file(name: str) -> Path:
    """Find a prediction zip in the folder that RETINAFACE_GOLDEN names."""
    return Path(os.environ["RETINAFACE_GOLDEN"]) / name


def unmatched_share(
    golden: Mapping[str, Predictions], ours: Mapping[str, Predictions]
) -> tuple[int, int]:
    """Count detections of either side above the score that have no counterpart.

    A counterpart may have any score: a pair at the limit is a pair.

    Returns:
        Number without a counterpart, and number compared.
    """
    assert set(golden) == set(ours)
    n_unmatched = n_compared = 0
    for image, theirs in golden.items():
        mine = ours[image]
        match = match_detections(_xyxy(theirs), theirs.scores, _xyxy(mine), mine.scores)
        for side, matched in (
            (theirs, match.old_matched),
            (mine, match.new_matched),
        ):
            compared = side.scores > SCORE_ABOVE
            n_unmatched += int((~matched[compared]).sum())
            n_compared += int(compared.sum())
    return n_unmatched, n_compared


def _xyxy(predictions: Predictions) -> np.ndarray:
    return xyxy_from_xywh(predictions.boxes_xywh)
