"""Draw the images that changed most: between two runs, or between a run and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from retinaface.checks.detection_changes import Change, ImageDifference
from retinaface.comparison.compare import RunComparison
from retinaface.comparison.metrics import image_differences
from retinaface.comparison.pairs import Pair, matched_pairs
from retinaface.detection.detections import Detections
from retinaface.detection.images import decode_image
from retinaface.errors import RetinaFaceError
from retinaface.records.changed_images import ChangedBox
from retinaface.records.read import Run
from retinaface.report.drawing import (
    CROWDED_FROM,
    Boxes,
    Drawn,
    crop_region,
    draw_crop,
    draw_whole,
)
from retinaface.typing import ByteArray
from retinaface.widerface.dataset import WiderFace

# A photograph at its own size, or small enough that ten runs are a page that can be sent.
_SIDE_PX, _SIDE_OF_MANY_PX, _MANY = 1024, 560, 16
# Boxes below it are noise near the score limit; they are drawn only where they changed.
_DRAWN_ABOVE = 0.3
_Changed = TypeVar("_Changed", Change, ChangedBox)


@dataclass(frozen=True)
class View:
    """One drawing of an image, and what it shows."""

    label: str
    drawn: Drawn


@dataclass(frozen=True)
class Picture:
    """An image that changed, drawn where the image is here.

    Attributes:
        image: Its id.
        result: Name of the result, or of the pair of results.
        run: Name of the run, the new one of two.
        text: What changed.
        views: The whole image, and a crop where it is crowded; none without the image.
    """

    image: str
    result: str
    run: str
    text: str
    views: list[View] = field(default_factory=list)


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
    bar = tqdm(comparisons, desc="images", disable=None if progress and comparisons else True)
    is_many = len(comparisons) * n_images > _MANY
    for comparison in bar:
        ranked = []
        for pair in matched_pairs(comparison.old, comparison.new):
            ranked += [(one, pair) for one in image_differences(pair) or [] if one.changes]
        ranked.sort(key=lambda entry: entry[0].rank, reverse=True)
        for difference, pair in ranked[:n_images]:
            side_px = _SIDE_OF_MANY_PX if is_many else _SIDE_PX
            pictures.append(_picture_of_pair(difference, pair, dataset, side_px))
    return pictures


def pictures_against_baseline(run: Run, dataset: WiderFace | None, n_images: int) -> list[Picture]:
    """Draw the images whose detections are not those of the baseline, which the record names."""
    pictures: list[Picture] = []
    for name, result in run.results.items():
        found = None
        for one in result.differences.images if result.differences is not None else []:
            if len(pictures) == n_images:
                return pictures
            found = found or run.detections(name) or {}
            text = _text(one.boxes, one.n_compared)
            views = []
            if (image := _decode(dataset, one.image)) is not None:
                boxes = _boxes_against_baseline(found.get(one.image), one.boxes)
                views = _views(image, boxes, _surest(one.boxes).box_xyxy)
            pictures.append(Picture(one.image, name, run.name, text, views))
    return pictures


def _boxes_against_baseline(found: Detections | None, changed: Sequence[ChangedBox]) -> Boxes:
    """Tell the boxes of the baseline alone from those of the run alone and from the rest."""
    lost: list[tuple[float, ...]] = []
    gained: list[tuple[float, ...]] = []
    own = {_key(box) for box in found.boxes_xyxy} if found is not None else set()
    for one in changed:
        # A moved one stands on both sides: that of the run is among its detections.
        is_own = one.kind == "gained" or (one.kind == "moved" and _key(one.box_xyxy) in own)
        (gained if is_own else lost).append(one.box_xyxy)
    return Boxes(_same(found, {_key(box) for box in gained}), lost, gained)


def _views(image: ByteArray, boxes: Boxes, surest: Sequence[float]) -> list[View]:
    if boxes.n < CROWDED_FROM:
        return [View("whole image", draw_whole(image, boxes, _SIDE_PX))]
    region = crop_region(image, surest)
    return [
        View("whole image, the part beside it framed", draw_whole(image, boxes, _SIDE_PX, region)),
        View("the surest change, enlarged", draw_crop(image, boxes, region)),
    ]


def _same(found: Detections | None, changed: set[tuple[float, ...]]) -> list[Sequence[float]]:
    if found is None:
        return []
    rows = [row for row in range(len(found.scores)) if found.scores[row] > _DRAWN_ABOVE]
    return [found.boxes_xyxy[row] for row in rows if _key(found.boxes_xyxy[row]) not in changed]


def _key(box: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in box)


def _surest(changes: Sequence[_Changed]) -> _Changed:
    return max(changes, key=lambda change: (not change.cause, change.score))


def _text(changes: Sequence[_Changed], n_compared: int) -> str:
    unexplained = sum(not change.cause for change in changes)
    surest = _surest(changes)
    return (
        f"{len(changes)} of {n_compared} detections changed, {unexplained} unexplained; the "
        f"surest: {surest.kind}, score {surest.score:.2f}, {surest.cause or 'unexplained'}"
    )


def _decode(dataset: WiderFace | None, image: str) -> ByteArray | None:
    """Read an image; None where it is not here, or the data at hand are not those of the run."""
    if dataset is None:
        return None
    try:
        return decode_image(dataset.read_bytes(image), image)
    except RetinaFaceError:
        return None


def _picture_of_pair(
    difference: ImageDifference, pair: Pair, dataset: WiderFace | None, side_px: int
) -> Picture:
    views: list[View] = []
    if (image := _decode(dataset, difference.image)) is not None:
        changed = {_key(change.box_xyxy) for change in difference.changes}
        sides = []
        for i, (run, result_id) in enumerate(zip(pair.runs, pair.ids, strict=True)):
            found = (run.detections(result_id) or {}).get(difference.image)
            own = [b for b in found.boxes_xyxy if _key(b) in changed] if found is not None else []
            same = _same(found, changed)
            sides.append((run.name, Boxes(same, *((own, ()) if i == 0 else ((), own)))))
        region = crop_region(image, _surest(difference.changes).box_xyxy)
        is_crowded = max(boxes.n for _, boxes in sides) >= CROWDED_FROM
        frame = region if is_crowded else None
        views = [View(name, draw_whole(image, boxes, side_px, frame)) for name, boxes in sides]
        if is_crowded:
            views += [
                View(f"{name}, enlarged", draw_crop(image, boxes, region)) for name, boxes in sides
            ]
    text = _text(difference.changes, difference.n_compared)
    return Picture(difference.image, pair.name, pair.runs[1].name, text, views)
