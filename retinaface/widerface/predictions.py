"""The official format: `<event>/<name>.txt` with name, count, `x y w h score` lines; writing it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retinaface.typing import FloatArray
from retinaface.widerface.ground_truth import id_parts


@dataclass(frozen=True)
class Predictions:
    """Detections of one image in the official format.

    Attributes:
        boxes_xywh: (D, 4) float64, pixels: left, top, width, height.
        scores: (D,) float64.
    """

    boxes_xywh: FloatArray
    scores: FloatArray


def official_form(boxes_xyxy: FloatArray, scores: FloatArray) -> Predictions:
    """Round as writing with `format_predictions` and reading back would; AP is defined on that.

    Corners are truncated towards zero before they are subtracted.

    Args:
        boxes_xyxy: (D, 4) float32, pixels.
        scores: (D,) float32.
    """
    corners = np.trunc(boxes_xyxy).astype(np.float64).reshape(-1, 4)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    # Through the decimal form, which gives another float64 than the float32 itself.
    return Predictions(boxes, np.array([float(str(score)) for score in scores]))


def format_predictions(name: str, boxes_xyxy: FloatArray, scores: FloatArray) -> str:
    """Write one image's detections exactly as the vendor's and upstream's scripts do.

    Each line ends in a space.

    Args:
        name: The image's name without event and ending.
        boxes_xyxy: (D, 4) float32, pixels.
        scores: (D,) float32; written with the fewest digits that identify a float32.
    """
    boxes = official_form(boxes_xyxy, scores).boxes_xywh.astype(np.int64)
    lines = [
        f"{x} {y} {w} {h} {score} \n"
        for (x, y, w, h), score in zip(boxes.tolist(), map(str, scores), strict=True)
    ]
    return "".join([f"{name}\n{len(lines)}\n", *lines])


def write_predictions(folder: Path, image: str, boxes_xyxy: FloatArray, scores: FloatArray) -> None:
    """Write one image's detections into a folder: `<event>/<name>.txt`, or another id and `.txt`.

    Raises:
        DatasetError: The image id would lead out of the folder.
    """
    *folders, name = id_parts(image)
    place = folder.joinpath(*folders)
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.txt").write_text(format_predictions(name, boxes_xyxy, scores))
