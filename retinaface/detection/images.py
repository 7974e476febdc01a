"""Decode image files as `cv2.imread` does, except that a file cut short is an error."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from retinaface.detection.image_folders import MAX_IMAGE_BYTES
from retinaface.detection.image_size import is_image, size_problem
from retinaface.detection.png import png_is_whole
from retinaface.errors import ImageError
from retinaface.files import pointer_problem, read_bounded
from retinaface.typing import ByteArray

_JPEG_SIGNATURE = b"\xff\xd8\xff"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# OpenCV reports damaged files on stderr; `ImageError` reports them to the caller instead.
# OpenCV 4 has the setter at the top level, OpenCV 5 in a module.
_SILENT = 0
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(_SILENT)


def read_image(path: Path) -> ByteArray:
    """Read and decode one image file.

    Args:
        path: A file in any format that OpenCV reads.

    Returns:
        (H, W, 3) uint8, BGR, with the EXIF orientation applied.

    Raises:
        ImageError: The file is missing, unreadable, empty, damaged, or not an image.
    """
    try:
        data = read_bounded(path, MAX_IMAGE_BYTES, ImageError)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(f"cannot read image {path}: {reason}; check the path") from error
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> ByteArray:
    """Decode one image from memory.

    `cv2.imread` fills the missing part of a JPEG that was cut short with grey and only prints a
    warning; such a file is refused here. Whole files decode as with `cv2.imread`: grey, 16-bit,
    RGBA and CMYK become 8-bit BGR. Changed bytes inside a whole JPEG are not detected.

    Args:
        name: Name of the image in the error message.

    Returns:
        (H, W, 3) uint8, BGR, with the EXIF orientation applied.

    Raises:
        ImageError: The data is empty, cut short, not an image, or has more pixels than
            `image_size.MAX_PIXELS`, which is read from the header before anything is decoded.
    """
    if not data:
        raise ImageError(f"cannot decode image {name}: the file is empty (0 bytes); fetch it again")
    if problem := pointer_problem(name, data):
        raise ImageError(problem)
    if not is_image(data):
        raise ImageError(
            f"cannot decode image {name}: not an image in a format that OpenCV reads; check the "
            "path"
        )
    if problem := size_problem(data):
        raise ImageError(f"cannot decode image {name}: {problem}")
    image = None
    if _is_whole(data):
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise ImageError(f"cannot decode image {name}: {error.err}") from error
    if image is None:
        raise ImageError(
            f"cannot decode image {name}: the file is damaged or cut short after {len(data)} "
            "bytes; fetch it again"
        )
    return np.asarray(image, dtype=np.uint8)


def _is_whole(data: bytes) -> bool:
    """Tell whether a JPEG or PNG is complete; OpenCV checks other formats."""
    if data.startswith(_JPEG_SIGNATURE):
        # The end marker with no start of a scan after it; compressed data cannot contain either.
        end = data.rfind(b"\xff\xd9")
        return end >= 0 and data.find(b"\xff\xda", end) < 0
    return png_is_whole(data) if data.startswith(_PNG_SIGNATURE) else True
