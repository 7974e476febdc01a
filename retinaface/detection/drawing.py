"""Draw detections on images."""

from __future__ import annotations

import cv2

from retinaface.detection.detections import Detections
from retinaface.errors import OutputError
from retinaface.typing import ByteArray

_BOX = (60, 220, 60)  # green
_TEXT = (0, 0, 0)
# Left eye, right eye, nose, left and right corner of the mouth, from the viewer's side.
_POINTS = ((40, 40, 240), (40, 220, 240), (240, 60, 240), (60, 240, 60), (240, 120, 40))


def draw_detections(image_bgr: ByteArray, detections: Detections) -> ByteArray:
    """Draw boxes, scores and landmarks.

    Args:
        image_bgr: (H, W, 3) uint8; stays unchanged.
        detections: Detections in pixels of the image.

    Returns:
        (H, W, 3) uint8.
    """
    picture = image_bgr.copy()
    thickness = max(1, round(max(picture.shape[:2]) / 500))
    scale = 0.45 * max(1.0, thickness * 0.7)
    for box, score, points in zip(
        detections.boxes_xyxy, detections.scores, detections.landmarks_xy, strict=True
    ):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(picture, (x1, y1), (x2, y2), _BOX, thickness, cv2.LINE_AA)
        for (x, y), colour in zip(points, _POINTS, strict=True):
            centre = (round(float(x)), round(float(y)))
            cv2.circle(picture, centre, thickness + 1, colour, -1, cv2.LINE_AA)
        label = f"{score:.2f}"
        (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        top = y1 - height - base if y1 > height + base else y2  # below if there is no room above
        cv2.rectangle(picture, (x1, top), (x1 + width, top + height + base), _BOX, -1)
        origin = (x1, top + height + base // 2)
        cv2.putText(picture, label, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, 1, cv2.LINE_AA)
    return picture


def encode_picture(picture_bgr: ByteArray, name: str) -> bytes:
    """Encode a picture as JPEG.

    Args:
        picture_bgr: (H, W, 3) uint8.
        name: Name of the picture in the error message.

    Raises:
        OutputError: The picture is too large for the format.
    """
    try:
        encoded, data = cv2.imencode(".jpg", picture_bgr)
    except cv2.error:
        encoded = False
    if not encoded:
        height, width = picture_bgr.shape[:2]
        raise OutputError(f"cannot draw {name}: a JPEG cannot be {width}x{height} px; leave it out")
    return data.tobytes()
