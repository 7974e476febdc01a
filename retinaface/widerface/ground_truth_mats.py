"""Read the four `.mat` files of WIDER FACE ground truth, which are compared with each other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from retinaface.errors import DatasetError
from retinaface.files import read_bounded
from retinaface.typing import BoolArray, IntArray
from retinaface.widerface.ground_truth import (
    OFFICIAL_N_IMAGES,
    SPLITS,
    GroundTruth,
    image_id,
)
from retinaface.widerface.mats.child import Flat, ForeignError, flatten
from retinaface.widerface.mats.content import Content, made
from retinaface.widerface.mats.pinned import is_pinned
from retinaface.widerface.mats.reader import read_in_child

ALL_FACES_MAT = "wider_face_val.mat"
MAT_FILES = (ALL_FACES_MAT, *(f"wider_{split}_val.mat" for split in SPLITS))
# Numbers of the official validation set, which reveal an exchanged file.
_OFFICIAL_N_FACES = {"easy": 7211, "medium": 13319, "hard": 31958}
# Of one file: the largest official one has 0.4 MiB, for 3226 images.
MAX_MAT_BYTES = 64 << 20


@dataclass(frozen=True)
class _Mat:
    """One file that was read."""

    path: Path
    sha256: str
    content: Content


def read_mats(paths: Sequence[Path]) -> GroundTruth:
    """Read the four files: those with a pinned hash here, all others in a child process.

    Args:
        paths: In the order of `MAT_FILES`.

    Raises:
        DatasetError: A file is unreadable, or has other content than its name says.
    """
    return _ground_truth_from_mats([_load_mat(path) for path in paths])


def _load_mat(path: Path) -> _Mat:
    is_split = path.name != ALL_FACES_MAT
    try:
        data = read_bounded(path, MAX_MAT_BYTES, DatasetError)
    except OSError as error:
        raise DatasetError(
            f"cannot read ground truth {path}: {error.strerror}; fetch it again"
        ) from error
    if is_pinned(data):
        names, counts, values = _flatten_here(path, data, is_split=is_split)
        content = made(path, tuple(names), counts, values, is_split=is_split)
    else:
        _check_is_whole(path, data)
        content = read_in_child(path, data, is_split=is_split)
    return _Mat(path, hashlib.sha256(data).hexdigest(), content)


def _flatten_here(path: Path, data: bytes, *, is_split: bool) -> Flat:
    try:
        return flatten(data, is_split=is_split)
    except ForeignError as error:  # a pinned file under the name of another
        raise DatasetError(
            f"{path} {error}; fetch it again: retinaface assets fetch {path.name}"
        ) from error


def _check_is_whole(path: Path, data: bytes) -> None:
    """Walk over the elements of a MATLAB 5 file, because scipy misses a cut at the last one."""
    order: Literal["little", "big"] = "little" if data[126:128] == b"IM" else "big"
    position = 128
    while position < len(data):
        n_bytes = int.from_bytes(data[position + 4 : position + 8], order)
        position += 8 + n_bytes
    if position != len(data) or position == 128:
        raise DatasetError(
            f"cannot read ground truth {path}: the file is no MATLAB 5 file, or is cut short at "
            f"{len(data)} bytes; fetch it again"
        )


def _ground_truth_from_mats(mats: Sequence[_Mat]) -> GroundTruth:
    faces, *splits = mats
    if not faces.content.names:
        raise DatasetError(f"{faces.path} lists no images; fetch it again")
    for mat in splits:
        if mat.content.names != faces.content.names:
            raise DatasetError(
                f"{mat.path} and {faces.path} list different images; fetch both again"
            )
    try:
        images = [image_id(name) for name in faces.content.names]
    except DatasetError as error:
        raise DatasetError(f"{faces.path}: {error}; fetch it again") from error
    if len(set(images)) != len(images):
        raise DatasetError(f"{faces.path} lists an image twice; fetch it again")
    counted = []
    for i, boxes in enumerate(faces.content.rows):
        mask = np.zeros((len(boxes), len(SPLITS)), dtype=bool)
        for column, mat in enumerate(splits):
            mask[_face_indices(mat, i, len(boxes)), column] = True
        counted.append(mask)
    _check_splits(images, counted, [mat.path for mat in mats])
    hashes = {mat.path.name: mat.sha256 for mat in mats}
    boxes_xywh = faces.content.rows
    return GroundTruth(tuple(images), boxes_xywh, tuple(counted), tuple(images), hashes)


def _face_indices(mat: _Mat, i: int, n_faces: int) -> IntArray:
    numbers = mat.content.rows[i]  # from 1
    if numbers.size and (numbers.min() < 1 or numbers.max() > n_faces):
        raise DatasetError(
            f"{mat.path} is malformed: {mat.content.names[i]} has a face number outside "
            f"1..{n_faces}; fetch it again: retinaface assets fetch {mat.path.name}"
        )
    return numbers.astype(np.int64) - 1


def _check_splits(images: list[str], counted: list[BoolArray], paths: list[Path]) -> None:
    """Refuse exchanged files of splits: medium contains easy, and hard contains medium."""
    mask = np.concatenate(counted)
    for left, right in ((0, 1), (1, 2)):
        if (mask[:, left] & ~mask[:, right]).any():
            raise DatasetError(
                f"{paths[1 + left]} has faces that {paths[1 + right].name} lacks: one of them has "
                "the content of another file; fetch both again"
            )
    if len(images) == OFFICIAL_N_IMAGES:
        for path, (split, expected), got in zip(
            paths[1:], _OFFICIAL_N_FACES.items(), mask.sum(axis=0), strict=True
        ):
            if got != expected:
                raise DatasetError(
                    f"{path} is not the ground truth of {split}: expected {expected} faces, "
                    f"got {got}; fetch it again: retinaface assets fetch {path.name}"
                )
