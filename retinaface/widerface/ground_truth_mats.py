"""Read the four `.mat` files of WIDER FACE ground truth, which are compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from retinaface.errors import DatasetError
from retinaface.files import file_sha256, refuse_pointer
from retinaface.typing import BoolArray, FloatArray, IntArray
from retinaface.widerface.ground_truth import (
    OFFICIAL_N_IMAGES,
    SPLITS,
    GroundTruth,
    image_id,
)

ALL_FACES_MAT = "wider_face_val.mat"
MAT_FILES = (ALL_FACES_MAT, *(f"wider_{split}_val.mat" for split in SPLITS))
# Numbers of the official validation set, which reveal an exchanged file.
_OFFICIAL_N_FACES = {"easy": 7211, "medium": 13319, "hard": 31958}


def read_mats(paths: Sequence[Path]) -> GroundTruth:
    """Read the four files.

    Args:
        paths: In the order of `MAT_FILES`.

    Raises:
        DatasetError: A file is unreadable, or has other content than its name says.
    """
    faces, *splits = (_load_mat(path) for path in paths)
    return _ground_truth_from_mats(faces, dict(zip(SPLITS, splits, strict=True)), list(paths))


def _load_mat(path: Path) -> dict[str, Any]:
    import scipy.io

    is_split = path.name != ALL_FACES_MAT
    refuse_pointer(path, DatasetError)
    wanted = ["event_list", "file_list", "face_bbx_list", *(["gt_list"] if is_split else [])]
    try:
        _check_mat_is_whole(path)
        content: dict[str, Any] = scipy.io.loadmat(path, variable_names=[*wanted, "gt_list"])
    except Exception as error:  # damaged bytes make scipy raise many types
        raise DatasetError(
            f"cannot read ground truth {path}: {type(error).__name__}: {error}; fetch it again"
        ) from error
    if not is_split and "gt_list" in content:
        raise DatasetError(
            f"{path} should be the ground truth of all faces, but it is that of a split; "
            f"fetch it again: retinaface assets fetch {path.name}"
        )
    if missing := [key for key in wanted if key not in content]:
        raise DatasetError(
            f"{path} is not WIDER FACE ground truth: it lacks {', '.join(missing)}; "
            f"fetch it again: retinaface assets fetch {path.name}"
        )
    return content


def _check_mat_is_whole(path: Path) -> None:
    """Walk over the elements of a MATLAB 5 file, because scipy misses a cut at the last one."""
    data = path.read_bytes()
    order: Literal["little", "big"] = "little" if data[126:128] == b"IM" else "big"
    position = 128
    while position < len(data):
        n_bytes = int.from_bytes(data[position + 4 : position + 8], order)
        position += 8 + n_bytes
    if position != len(data) or position == 128:
        raise ValueError(f"the file is cut short at {len(data)} bytes")


def _image_names(mat: Mapping[str, Any]) -> list[str]:
    return [
        image_id(f"{event[0][0]}/{name[0][0]}")
        for event, names in zip(mat["event_list"], mat["file_list"], strict=True)
        for name in names[0]
    ]


def _ground_truth_from_mats(
    faces: Mapping[str, Any], splits: Mapping[str, Mapping[str, Any]], paths: list[Path]
) -> GroundTruth:
    try:
        images = _image_names(faces)
        boxes = [
            _checked_boxes(b[0].astype(float)) for event in faces["face_bbx_list"] for b in event[0]
        ]
        lists = {
            split: [g[0].ravel() for event in mat["gt_list"] for g in event[0]]
            for split, mat in splits.items()
        }
        for path, mat in zip(paths[1:], splits.values(), strict=True):
            if _image_names(mat) != images:
                raise DatasetError(f"{path} and {paths[0]} list different images; fetch both again")
        counted = []
        for i, box in enumerate(boxes):
            mask = np.zeros((len(box), len(SPLITS)), dtype=bool)
            for column, split in enumerate(SPLITS):
                mask[_face_indices(lists[split][i], len(box)), column] = True
            counted.append(mask)
    except (IndexError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"ground truth {paths[0].parent} is malformed ({type(error).__name__}: {error}); "
            "fetch the four wider_*_val.mat files again"
        ) from error
    if not images:
        raise DatasetError(f"{paths[0]} lists no images; fetch it again")
    _check_splits(images, counted, paths)
    hashes = {path.name: file_sha256(path) for path in paths}
    return GroundTruth(tuple(images), tuple(boxes), tuple(counted), tuple(images), hashes)


def _checked_boxes(boxes: FloatArray) -> FloatArray:
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all()):
        raise ValueError(f"boxes should be (F, 4) finite numbers, got {boxes.shape}")
    return boxes.reshape(-1, 4)


def _face_indices(one_based: IntArray, n_faces: int) -> IntArray:
    indices = one_based.astype(int) - 1
    if indices.size and (indices.min() < 0 or indices.max() >= n_faces):
        raise ValueError(f"a face number outside 1..{n_faces}")
    return indices


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
