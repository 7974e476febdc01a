"""Draw boxes into an image: what changed is strong, what stayed is faint, lines are thin."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from retinaface.typing import ByteArray

_JPEG_QUALITY = 80
_SAME, _LOST, _GAINED = (90, 200, 90), (255, 200, 0), (60, 70, 255)  # green, blue, red; BGR
_DARK, _LIGHT = (0, 0, 0), (255, 255, 255)
_FAINT = 0.55  # how strong a box that stayed is drawn
_DASH_PX, _GAP_PX = 6, 4
# An image with more boxes gets a crop of what changed beside it.
CROWDED_FROM = 20
_CROP_SIDES = 7.0  # of the box that changed most
_LEAST_CROP_PX = 80.0
_CROP_SHOWN_PX = 480
_MOST_ENLARGED = 2.0

Box = Sequence[float]


@dataclass(frozen=True)
class Drawn:
    """A picture as it goes into a page: base64 of a JPEG, and its size."""

    jpeg: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Boxes:
    """The boxes to draw, xyxy in pixels of the image.

    Attributes:
        same: Both sides have them.
        lost: The baseline or old side alone has them; drawn dashed.
        gained: This side alone has them; drawn solid.
    """

    same: Sequence[Box] = ()
    lost: Sequence[Box] = ()
    gained: Sequence[Box] = ()

    @property
    def n(self) -> int:
        """Count all boxes."""
        return len(self.same) + len(self.lost) + len(self.gained)


def draw_whole(image: ByteArray, boxes: Boxes, side_px: int, frame: Box | None = None) -> Drawn:
    """Draw the whole image, its longer side as given or twice its own size.

    Args:
        image: (H, W, 3) uint8, BGR.
        boxes: To draw.
        side_px: Of the picture, > 0.
        frame: Region to mark, xyxy; None for none.
    """
    height, width = image.shape[:2]
    return _draw(image, boxes, (0.0, 0.0, float(width), float(height)), side_px, frame)


def draw_crop(image: ByteArray, boxes: Boxes, region: Box) -> Drawn:
    """Draw a region of the image enlarged; it is xyxy, within the image."""
    return _draw(image, boxes, region, _CROP_SHOWN_PX, None, most=8.0)


def crop_region(image: ByteArray, box: Box) -> tuple[float, float, float, float]:
    """Choose the region around a box: a square some times its size, within the image."""
    height, width = image.shape[:2]
    side = max(_CROP_SIDES * max(box[2] - box[0], box[3] - box[1]), _LEAST_CROP_PX)
    side = min(side, float(width), float(height))
    x = min(max((box[0] + box[2]) / 2 - side / 2, 0.0), width - side)
    y = min(max((box[1] + box[3]) / 2 - side / 2, 0.0), height - side)
    return round(x), round(y), round(x + side), round(y + side)


def _draw(
    image: ByteArray,
    boxes: Boxes,
    region: Box,
    side_px: int,
    frame: Box | None,
    most: float = _MOST_ENLARGED,
) -> Drawn:
    x1, y1, x2, y2 = (int(v) for v in region)
    part = image[y1:y2, x1:x2]
    scale = min(side_px / max(part.shape[:2]), most)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    plain = np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)

    def placed(some: Iterable[Box]) -> Iterator[tuple[int, int, int, int]]:
        for box in some:
            a, b, c, d = ((float(v) - o) * scale for v, o in zip(box, (x1, y1) * 2, strict=True))
            yield round(a), round(b), round(c), round(d)

    faint = plain.copy()
    for box in placed(boxes.same):
        cv2.rectangle(faint, box[:2], box[2:], _SAME, 1, cv2.LINE_AA)
    shown = np.asarray(cv2.addWeighted(faint, _FAINT, plain, 1 - _FAINT, 0), np.uint8)
    for box in placed(boxes.gained):
        _strong(shown, box, _GAINED, is_dashed=False)
    for box in placed(boxes.lost):
        _strong(shown, box, _LOST, is_dashed=True)
    for box in placed([frame] if frame is not None else []):
        cv2.rectangle(shown, box[:2], box[2:], _DARK, 3, cv2.LINE_AA)
        cv2.rectangle(shown, box[:2], box[2:], _LIGHT, 1, cv2.LINE_AA)
    encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    text = base64.b64encode(encoded.tobytes()).decode("ascii")
    return Drawn(text, size[0], size[1])


def _strong(
    image: ByteArray, box: tuple[int, int, int, int], colour: Sequence[int], *, is_dashed: bool
) -> None:
    """Draw a bright box with a thin dark line around it, which shows on any ground."""
    x1, y1, x2, y2 = box
    cv2.rectangle(image, (x1 - 1, y1 - 1), (x2 + 1, y2 + 1), _DARK, 1)
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1))
    for start, end in itertools.pairwise(corners):
        for a, b in _dashes(start, end) if is_dashed else [(start, end)]:
            cv2.line(image, a, b, colour, 1, cv2.LINE_AA)


def _dashes(
    start: tuple[int, int], end: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    a, b = np.array(start, float), np.array(end, float)
    length = float(np.linalg.norm(b - a))
    for at in np.arange(0.0, length, _DASH_PX + _GAP_PX):
        p, q = (a + (b - a) * min(t, length) / length for t in (at, at + _DASH_PX))
        yield (round(p[0]), round(p[1])), (round(q[0]), round(q[1]))
