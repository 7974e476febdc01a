"""Apply the published recipes: turn an image into a network input, and map boxes back.

Each recipe keeps the arithmetic of its published scripts, rounding included, because its figures
depend on it: a baseline belongs to one pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from retinaface.detection.images import decode_image
from retinaface.errors import ImageError
from retinaface.network.config import MOBILENET_025
from retinaface.typing import ByteArray, FloatArray

PAD_VALUE = 114  # grey of the YOLO letterbox, which both vendor scripts use
_MEAN_BGR = np.asarray(MOBILENET_025.mean_bgr, dtype=np.float32)


@dataclass(frozen=True)
class Pipeline:
    """A published recipe.

    Attributes:
        long_side_px: The longer image side after resizing.
        placement: `centre` and `top-left` pad to a square; `tight` keeps the image's shape, so
            height and width of the network input differ from image to image.
        batch_size: The published batch.
        source: The origin of the recipe and its figures.
    """

    name: str
    long_side_px: int
    placement: Literal["centre", "top-left", "tight"]
    batch_size: int
    source: str

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        """Give height and width of every network input; None where they depend on the image."""
        return None if self.placement == "tight" else (self.long_side_px, self.long_side_px)

    @property
    def pixel_type(self) -> type[np.float32] | type[np.uint8]:
        """Give the type of the pixels that are resized."""
        return np.float32 if self.placement == "tight" else np.uint8


class Geometry(NamedTuple):
    """The numbers that map coordinates back to one image."""

    original_height_px: int
    original_width_px: int
    input_height_px: int
    input_width_px: int
    offset_xy_px: tuple[float, float]
    gain: float
    clip: bool


_VENDOR = "DeepSparkInference, models/cv/object_detection/retinaface"
_UPSTREAM = "Face-Detector-1MB-with-landmark, test_widerface.py"
PIPELINES = {
    pipeline.name: pipeline
    for pipeline in (
        Pipeline("igie", 320, "centre", 32, f"{_VENDOR}/igie"),
        Pipeline("ixrt", 320, "top-left", 32, f"{_VENDOR}/ixrt"),
        Pipeline("upstream-320", 320, "tight", 1, f"{_UPSTREAM} --long_side 320"),
        Pipeline("upstream-640", 640, "tight", 1, f"{_UPSTREAM} --long_side 640"),
    )
}


def preprocess(
    image_bgr: ByteArray | FloatArray, pipeline: Pipeline, out: FloatArray | None = None
) -> tuple[FloatArray, Geometry]:
    """Turn an image into a network input.

    Args:
        image_bgr: (H, W, 3) uint8, or the same values in the pipeline's `pixel_type`.
        out: (3, h, w) float32 array for the result; None for a new one.

    Returns:
        (3, h, w) float32, BGR minus the mean, padding included; and the geometry for the way back.

    Raises:
        ImageError: The image is so narrow that resizing leaves nothing.
    """
    pixels: ByteArray | FloatArray
    source: Any = image_bgr.astype(pipeline.pixel_type, copy=False)
    if pipeline.placement == "centre":
        pixels, geometry = _centred(source, pipeline.long_side_px)
    elif pipeline.placement == "top-left":
        pixels, geometry = _top_left(source, pipeline.long_side_px)
    else:
        pixels, geometry = _tight(source, pipeline.long_side_px)
    if out is None:
        shape = (3, geometry.input_height_px, geometry.input_width_px)
        out = np.empty(shape, dtype=np.float32)
    left, top = (round(offset - 0.1) for offset in geometry.offset_xy_px)
    return _network_input(pixels, left, top, out), geometry


def to_original(coordinates_norm: FloatArray, geometry: Geometry) -> FloatArray:
    """Map coordinates of the network input back to the image: the inverse of `preprocess`.

    For `igie` this follows the recipe, which is no exact inverse: it truncates width and height
    separately, but uses one gain for both (2.1 px off at 1024x683). The published figures contain
    that error.

    Args:
        coordinates_norm: (..., 2 K) float32: x, y, x, y, ... as fractions of the network input.
        geometry: The result of `preprocess` for the image.

    Returns:
        (..., 2 K) float32, pixels of the original image; clipped to it where the recipe clips.
    """
    repeats = coordinates_norm.shape[-1] // 2

    def tiled(x: float, y: float) -> FloatArray:
        return np.asarray([x, y] * repeats, dtype=np.float32)

    size = tiled(geometry.input_width_px, geometry.input_height_px)
    coordinates = (coordinates_norm * size - tiled(*geometry.offset_xy_px)) / np.float32(
        geometry.gain
    )
    if geometry.clip:
        limit = tiled(geometry.original_width_px, geometry.original_height_px)
        np.clip(coordinates, 0, limit, out=coordinates)
    return np.asarray(coordinates, dtype=np.float32)


def _centred(image: ByteArray, side: int) -> tuple[ByteArray, Geometry]:
    """Resize as IGIE does: truncated size, on uint8, padding on both sides."""
    height, width = image.shape[:2]
    ratio = side / max(height, width)
    new_width, new_height = int(width * ratio), int(height * ratio)
    _check_size(new_width, new_height, image)
    if ratio != 1:
        image = _resize(image, new_width, new_height)
    pad_x, pad_y = (side - new_width) / 2, (side - new_height) / 2
    gain = new_height / height  # not `ratio`, and for x too: as the recipe maps back
    geometry = Geometry(height, width, side, side, (pad_x, pad_y), gain, clip=True)
    return image, geometry


def _top_left(image: ByteArray, side: int) -> tuple[ByteArray, Geometry]:
    """Resize as ixRT does: truncated size, on uint8, image at the top left, no clipping."""
    height, width = image.shape[:2]
    ratio = min(side / height, side / width)
    new_width, new_height = int(width * ratio), int(height * ratio)
    _check_size(new_width, new_height, image)
    geometry = Geometry(height, width, side, side, (0.0, 0.0), ratio, clip=False)
    return _resize(image, new_width, new_height), geometry


def _tight(pixels: FloatArray, long_side: int) -> tuple[FloatArray, Geometry]:
    """Resize as upstream does: on float32 by a factor, no padding, no clipping."""
    height, width = pixels.shape[:2]
    # The short side decides, unless that makes the long side too long. So nearly square images get
    # a slightly larger factor than long_side / max(height, width).
    ratio = long_side / min(height, width)
    if np.round(ratio * max(height, width)) > long_side:
        ratio = long_side / max(height, width)
    _check_size(round(width * ratio), round(height * ratio), pixels)
    if ratio != 1:
        resized = cv2.resize(pixels, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR)
        pixels = np.asarray(resized, dtype=np.float32)
    new_height, new_width = pixels.shape[:2]
    geometry = Geometry(height, width, new_height, new_width, (0.0, 0.0), ratio, clip=False)
    return pixels, geometry


def _check_size(new_width: int, new_height: int, image: ByteArray | FloatArray) -> None:
    if new_width < 1 or new_height < 1:
        height, width = image.shape[:2]
        raise ImageError(
            f"an image of {width}x{height} px becomes {new_width}x{new_height} px after resizing; "
            "expected at least 1x1; leave it out"
        )


def _resize(image: ByteArray, width: int, height: int) -> ByteArray:
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _network_input(
    pixels_hwc: ByteArray | FloatArray, left: int, top: int, out: FloatArray
) -> FloatArray:
    """Put channels first, subtract the mean, fill the rest with grey; go plane by plane."""
    bottom, right = top + pixels_hwc.shape[0], left + pixels_hwc.shape[1]
    for plane, mean, target in zip(cv2.split(pixels_hwc), _MEAN_BGR, out, strict=True):
        grey = PAD_VALUE - mean
        target[:top] = target[bottom:] = grey
        target[top:bottom, :left] = target[top:bottom, right:] = grey
        np.subtract(plane, mean, out=target[top:bottom, left:right])
    return out


def photograph_inputs(encoded: Mapping[str, bytes], pipeline: Pipeline) -> FloatArray:
    """Make network inputs from image files.

    Args:
        encoded: Bytes of the files by image id.
        pipeline: A recipe with inputs of one size.

    Returns:
        (n, 3, H, W) float32.

    Raises:
        ImageError: An image does not decode.
    """
    images = [decode_image(data, name) for name, data in encoded.items()]
    return np.stack([preprocess(image, pipeline)[0] for image in images])
