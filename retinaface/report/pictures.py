"""Draw the images that changed most between two runs, with the boxes of both."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from retinaface.checks.detection_changes import ImageDifference
from retinaface.comparison.compare import RunComparison
from retinaface.comparison.metrics import image_differences
from retinaface.comparison.pairs import Pair, matched_pairs
from retinaface.detection.detections import Detections
from retinaface.detection.images import decode_image
from retinaface.errors import ImageError, RetinaFaceError
from retinaface.report.content import Picture
from retinaface.typing import ByteArray
from retinaface.widerface.dataset import WiderFace

# Small enough that ten runs stay far below what a mail server takes.
_SIDE_PX = 360
_JPEG_QUALITY = 70
# Boxes below it are noise near the score limit; they are drawn only where they changed.
_DRAWN_ABOVE = 0.3
_SAME, _CHANGED = (80, 200, 80), (40, 60, 250)  # green, red
# On narrower boxes that changed, lines of two pixels would hide the face.
_THICK_FROM_PX = 20


def changed_pictures(
    comparisons: Sequence[RunComparison],
    dataset: WiderFace | None,
    n_images: int,
    *,
    progress: bool = False,
) -> list[Picture]:
    """Choose the images that changed most in each comparison, unexplained changes first.

    Args:
        comparisons: Of the first run with each further run.
        dataset: Where the images are; None for the list without pictures.
        n_images: Largest number of each comparison.
        progress: Show a progress bar on stderr, where that is a terminal.
    """
    pictures = []
    bar = tqdm(comparisons, desc="images", disable=None if progress else True)
    for comparison in bar:
        ranked = []
        for pair in matched_pairs(comparison.old, comparison.new):
            ranked += [(one, pair) for one in image_differences(pair) or [] if one.changes]
        ranked.sort(key=lambda entry: _rank(entry[0]), reverse=True)
        for difference, pair in ranked[:n_images]:
            pictures.append(_picture(difference, pair, dataset))
    return pictures


def _rank(difference: ImageDifference) -> tuple[int, int, float]:
    unexplained = sum(change.is_unexplained for change in difference.changes)
    best = max(change.score for change in difference.changes)
    return unexplained, len(difference.changes), best


def _picture(
    difference: ImageDifference,
    pair: Pair,
    dataset: WiderFace | None,
) -> Picture:
    unexplained = sum(change.is_unexplained for change in difference.changes)
    surest = max(difference.changes, key=lambda change: (change.is_unexplained, change.score))
    text = (
        f"{len(difference.changes)} of {difference.n_compared} detections changed, {unexplained} "
        f"unexplained; the surest: {surest.kind}, score {surest.score:.2f}, "
        f"{surest.cause or 'unexplained'}"
    )
    picture = Picture(difference.image, pair.name, pair.runs[1].name, text)
    if dataset is None:
        return picture
    try:
        image = decode_image(dataset.read_bytes(difference.image), difference.image)
    except (ImageError, RetinaFaceError):  # the data at hand are not those of the run
        return picture
    drawn = []
    changed = {change.box_xyxy for change in difference.changes}
    for run, result_id in zip(pair.runs, pair.ids, strict=True):
        found = (run.detections(result_id) or {}).get(difference.image)
        drawn.append(_thumbnail(image, found, changed))
    height, width = drawn[0][1]
    return Picture(
        picture.image,
        picture.result,
        picture.run,
        text,
        drawn[0][0],
        drawn[1][0],
        width,
        height,
    )


def _thumbnail(
    image: ByteArray, found: Detections | None, changed: Collection[tuple[float, ...]]
) -> tuple[str, tuple[int, int]]:
    """Draw a small picture: base64 of a JPEG, and its height and width."""
    scale = _SIDE_PX / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small: ByteArray = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    if found is not None:
        is_changed = [tuple(float(v) for v in box) in changed for box in found.boxes_xyxy]
        order = np.argsort(is_changed, kind="stable")  # what changed is drawn last, on top
        for row in order:
            if is_changed[row] or found.scores[row] > _DRAWN_ABOVE:
                x1, y1, x2, y2 = (round(float(v) * scale) for v in found.boxes_xyxy[row])
                thickness = 2 if is_changed[row] and x2 - x1 >= _THICK_FROM_PX else 1
                colour = _CHANGED if is_changed[row] else _SAME
                cv2.rectangle(small, (x1, y1), (x2, y2), colour, thickness)
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return base64.b64encode(encoded.tobytes()).decode("ascii"), (size[1], size[0])
