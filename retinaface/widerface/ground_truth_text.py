"""Read `wider_face_val_bbx_gt.txt`, the ground truth as official text: all faces, without splits.

For each image its name, the number of its faces, and a line for each: `x y w h blur expression
illumination invalid occlusion pose`. A number of 0 is followed by one line of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retinaface.errors import DatasetError
from retinaface.files import file_sha256, refuse_pointer
from retinaface.typing import BoolArray, FloatArray
from retinaface.widerface.ground_truth import ALL_FACES, GroundTruth, image_id

TEXT_FILE = "wider_face_val_bbx_gt.txt"
_N_BOX, _INVALID = 4, 7


def read_truth_text(path: Path) -> GroundTruth:
    """Read the file; a face that is marked invalid is ignored, every other one counts.

    Raises:
        DatasetError: The file cannot be read, a line has another form, or an image is listed twice.
    """
    refuse_pointer(path, DatasetError)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read ground truth {path}: {error}; fetch it again") from error
    lines = [(i, line.split()) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    images: list[str] = []
    faces, counted = [], []
    try:
        for image, rows in _records(lines):
            images.append(image)
            faces.append(_boxes(rows))
            counted.append(_counts(rows))
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}; fetch it again") from error
    if not images or len(set(images)) != len(images):
        what = "lists an image twice" if images else "lists no images"
        raise DatasetError(f"{path} {what}; fetch it again")
    whole = tuple(images)
    hashes = {path.name: file_sha256(path)}
    return GroundTruth(whole, tuple(faces), tuple(counted), whole, hashes, ALL_FACES)


def _records(lines: list[tuple[int, list[str]]]) -> Iterator[tuple[str, list[list[float]]]]:
    """Give each image with the rows of its faces."""
    position = 0
    while position < len(lines):
        name = image_id(" ".join(lines[position][1]))
        position += 1
        words = lines[position][1] if position < len(lines) else []
        if len(words) != 1 or not words[0].isdecimal():
            raise DatasetError(f"expected the number of faces behind {name}, got {words}")
        position += 1
        n_faces = int(words[0])
        rows = [_row(*line) for line in lines[position : position + n_faces]]
        if len(rows) != n_faces:
            raise DatasetError(f"{name} has {n_faces} faces, but the file ends after {len(rows)}")
        position += n_faces
        if n_faces == 0 and position < len(lines) and set(lines[position][1]) == {"0"}:
            position += 1  # the line of zeros that stands for no face
        yield name, rows


def _row(number: int, words: list[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) < _N_BOX or not np.isfinite(values).all():
        raise DatasetError(f"line {number} is {' '.join(words)!r}, expected x y w h and flags")
    return values


def _boxes(rows: list[list[float]]) -> FloatArray:
    return np.array([row[:_N_BOX] for row in rows], dtype=np.float64).reshape(-1, _N_BOX)


def _counts(rows: list[list[float]]) -> BoolArray:
    """Tell which faces count, as (F, 1)."""
    is_valid = [len(row) <= _INVALID or row[_INVALID] == 0 for row in rows]
    return np.array(is_valid, dtype=bool).reshape(-1, 1)
