"""Read and write the detections of a baseline in a small file, which the repository can hold.

The file rounds boxes to 1/16 px towards zero, which keeps the whole pixels of the official format,
and landmarks to 1/64 of their box. It does not round scores. So no comparison changes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from retinaface.detection.detections import Detections, pack_detections
from retinaface.errors import BaselineError
from retinaface.files import refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import (
    Array,
    check_arrays,
    check_names,
    check_offsets,
    check_range,
    read_arrays,
)
from retinaface.typing import FloatArray, IntArray

_PER_PX = 16
PER_SIDE = 64
_FORM = {
    "images": Array("US", ("I",)),
    "counts": Array("iu", ("I",)),
    "boxes": Array("iu", (4, "D")),
    "scores": Array("f", ("D",)),
    "landmarks": Array("iu", (10, "D")),
}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal detections give equal bytes


def write_detections(path: Path, by_image: Mapping[str, Detections]) -> None:
    """Write the detections of a list of images."""
    packed = pack_detections(by_image)
    exact = (np.asarray(packed[name], np.float32) for name in ("boxes", "landmarks"))
    corners, landmarks = _whole_steps(*exact)
    arrays = {
        "images": packed["images"],
        "counts": np.diff(packed["offsets"]).astype(np.int32),
        # Columns, and sizes in place of far corners, compress much better.
        "boxes": np.ascontiguousarray(np.c_[corners[:, :2], corners[:, 2:] - corners[:, :2]].T),
        "scores": packed["scores"],
        "landmarks": np.ascontiguousarray(landmarks.reshape(-1, 10).T),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", _EPOCH),
                buffer.getvalue(),
                compress_type=zipfile.ZIP_LZMA,
            )


def read_detections(path: Path) -> dict[str, Detections]:
    """Read what `write_detections` wrote.

    Raises:
        BaselineError: The file is missing or damaged.
    """
    refuse_pointer(path, BaselineError)
    try:
        arrays = read_arrays(path)
        lengths = check_arrays(arrays, _FORM)
        check_range("counts", arrays["counts"], 0, lengths["D"])
        offsets = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
        check_offsets("counts", offsets, lengths["D"])
        images = arrays["images"].tolist()
        check_names("images", images)
    except (OSError, FormatError) as error:
        raise BaselineError(
            f"cannot read the baseline's detections {path}: {error}; restore the file: git "
            "checkout -- baselines"
        ) from error
    corners = arrays["boxes"].T.astype(np.int64)
    corners[:, 2:] += corners[:, :2]
    boxes, landmarks = _pixels(corners, arrays["landmarks"].T.reshape(-1, 5, 2))
    scores = arrays["scores"]
    return {
        image: _rows(boxes, scores, landmarks, offsets[i], offsets[i + 1])
        for i, image in enumerate(images)
    }


def as_stored(found: Detections) -> Detections:
    """Round detections as a file does: beside stored ones, what rounding does cancels out."""
    boxes, landmarks = _pixels(*_whole_steps(found.boxes_xyxy, found.landmarks_xy))
    return Detections(boxes.astype(np.float32), found.scores, landmarks.astype(np.float32))


def _whole_steps(boxes_xyxy: FloatArray, landmarks_xy: FloatArray) -> tuple[IntArray, IntArray]:
    """Corners in 1/16 px (D, 4) int32, and landmarks in 1/64 of their box (D, 5, 2) int16."""
    corners = np.trunc(boxes_xyxy.astype(np.float64) * _PER_PX).astype(np.int32)
    boxes = corners / _PER_PX
    relative = (landmarks_xy - boxes[:, None, :2]) / _sides(boxes)
    limits = np.iinfo(np.int16)
    return corners, np.clip(np.round(relative * PER_SIDE), limits.min, limits.max).astype(np.int16)


def _pixels(corners: IntArray, landmarks: IntArray) -> tuple[FloatArray, FloatArray]:
    """Boxes (D, 4) and landmarks (D, 5, 2) in pixels."""
    boxes = corners / _PER_PX
    return boxes, landmarks / PER_SIDE * _sides(boxes) + boxes[:, None, :2]


def _sides(boxes_xyxy: FloatArray) -> FloatArray:
    """Compute widths and heights, at least one pixel, (D, 1, 2)."""
    return np.asarray(np.maximum(boxes_xyxy[:, None, 2:] - boxes_xyxy[:, None, :2], 1.0))


def _rows(
    boxes: FloatArray, scores: FloatArray, landmarks: FloatArray, start: IntArray, end: IntArray
) -> Detections:
    return Detections(
        boxes[start:end].astype(np.float32),
        scores[start:end].astype(np.float32),
        landmarks[start:end].astype(np.float32),
    )
