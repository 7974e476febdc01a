"""Read `wider_face_val_bbx_gt.txt`, the ground truth as official text: all faces, without splits.

For each image its name, the number of its faces, and a line for each: `x y w h blur expression
illumination invalid occlusion pose`. A number of 0 is followed by one line of zeros.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retinaface.errors import DatasetError, excerpt
from retinaface.files import read_bounded
from retinaface.typing import BoolArray, FloatArray
from retinaface.widerface.ground_truth import ALL_FACES, LARGEST, GroundTruth, image_id

TEXT_FILE = "wider_face_val_bbx_gt.txt"
# The official one has 2.4 MiB for 39 708 faces; of the shortest rows this is two million faces.
MAX_TRUTH_BYTES = 16 << 20
_N_BOX, _INVALID = 4, 7
_COUNT = re.compile(r"[0-9]{1,9}")
_Line = tuple[int, list[str]]


def read_truth_text(path: Path) -> GroundTruth:
    """Read the file; a face that is marked invalid is ignored, every other one counts.

    Raises:
        DatasetError: The file cannot be read, a line has another form, or an image is listed twice.
    """
    try:
        data = read_bounded(path, MAX_TRUTH_BYTES, DatasetError)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"cannot read ground truth {path}: {error.strerror}; fetch it again"
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"cannot read ground truth {path}: byte {error.start} is not UTF-8; fetch it again"
        ) from error
    numbered = enumerate(text.splitlines(), start=1)
    lines = ((i, words) for i, line in numbered if (words := line.split()))
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
    hashes = {path.name: hashlib.sha256(data).hexdigest()}
    return GroundTruth(whole, tuple(faces), tuple(counted), whole, hashes, ALL_FACES)


def _records(lines: Iterator[_Line]) -> Iterator[tuple[str, list[list[float]]]]:
    """Give each image with the rows of its faces."""
    line = next(lines, None)
    while line is not None:
        name = image_id(" ".join(line[1]))
        _, words = next(lines, (0, []))
        if len(words) != 1 or not _COUNT.fullmatch(words[0]):
            got = excerpt(" ".join(words))
            raise DatasetError(f"expected the number of faces behind {name}, got {got}")
        n_faces = int(words[0])
        rows = [_row(*one) for one in itertools.islice(lines, n_faces)]
        if len(rows) != n_faces:
            raise DatasetError(f"{name} has {n_faces} faces, but the file ends after {len(rows)}")
        line = next(lines, None)
        if n_faces == 0 and line is not None and set(line[1]) == {"0"}:
            line = next(lines, None)  # behind the line of zeros that stands for no face
        yield name, rows


def _row(number: int, words: list[str]) -> list[float]:
    """Read the box and the flag that counts, of which older files have none."""
    try:
        values = [float(word) for word in words[: _INVALID + 1]]
    except ValueError:
        values = []
    if len(values) < _N_BOX or not all(abs(value) <= LARGEST for value in values):
        got = excerpt(" ".join(words))
        raise DatasetError(f"line {number} is {got}, expected x y w h and flags")
    return values


def _boxes(rows: list[list[float]]) -> FloatArray:
    return np.array([row[:_N_BOX] for row in rows], dtype=np.float64).reshape(-1, _N_BOX)


def _counts(rows: list[list[float]]) -> BoolArray:
    """Tell which faces count, as (F, 1)."""
    is_valid = [len(row) <= _INVALID or row[_INVALID] == 0 for row in rows]
    return np.array(is_valid, dtype=bool).reshape(-1, 1)
