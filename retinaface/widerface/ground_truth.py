"""Read the WIDER FACE ground truth, four `.mat` files that are compared with each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from retinaface.assets import REGISTRY, fetch_asset
from retinaface.errors import DatasetError
from retinaface.files import file_sha256, refuse_pointer
from retinaface.typing import BoolArray, FloatArray, IntArray
from retinaface.widerface.subsets import images_of_subset

SPLITS = ("easy", "medium", "hard")
# Numbers of the official validation set, which reveal an exchanged file.
OFFICIAL_N_IMAGES = 3226
OFFICIAL_N_FACES = {"easy": 7211, "medium": 13319, "hard": 31958}
_TRUTH_DIRS = ("ground_truth", "eval_tools/ground_truth", "wider_face_split", ".")
_UNSAFE = re.compile(r"[\x00-\x1f\\:]")


@dataclass(frozen=True)
class GroundTruth:
    """Faces of a list of images.

    Attributes:
        images: Image ids `<event>/<name>`, without an ending, in the order of the official list.
        faces_xywh: For each image (F, 4) float64, pixels: left, top, width, height.
        counted: For each image (F, 3) bool: whether a face belongs to easy, medium, hard. A face
            of another split is ignored: a hit on it is neither right nor wrong.
        all_images: Images of the whole set that these are a part of.
        sha256: Hashes of the four files, by name.
    """

    images: tuple[str, ...]
    faces_xywh: tuple[FloatArray, ...]
    counted: tuple[BoolArray, ...]
    all_images: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_images_total(self) -> int:
        """Count the images of the whole set."""
        return len(self.all_images)

    def select(self, images: Iterable[str]) -> GroundTruth:
        """Keep the given images, in the given order.

        Raises:
            DatasetError: The ground truth lacks an image.
        """
        index = {image: i for i, image in enumerate(self.images)}
        chosen = list(images)
        if unknown := [image for image in chosen if image not in index]:
            raise DatasetError(
                f"{len(unknown)} images are not in the ground truth, first {unknown[0]}; "
                "check the image list"
            )
        picked = [index[image] for image in chosen]
        return GroundTruth(
            tuple(chosen),
            tuple(self.faces_xywh[i] for i in picked),
            tuple(self.counted[i] for i in picked),
            self.all_images,
            self.sha256,
        )

    def subset(self, name: str) -> GroundTruth:
        """Keep the images of a subset; see `images_of_subset`.

        Raises:
            DatasetError: The subset is unknown.
        """
        return self.select(images_of_subset(name, self.images))


def image_id(text: str) -> str:
    """Check and normalise an image name: `/<event>/<name>.jpg` becomes `<event>/<name>`.

    Raises:
        DatasetError: The name has another form, or leads out of the folder (`..`).
    """
    parts = text.strip().removeprefix("/").split("/")
    if len(parts) != 2 or any(p in ("", ".", "..") or _UNSAFE.search(p) for p in parts):
        raise DatasetError(f"image name {text!r} is not of the form <event>/<name>.jpg")
    name = parts[1][:-4] if parts[1].lower().endswith(".jpg") else parts[1]
    return f"{parts[0]}/{name}"


def load_ground_truth(root: Path) -> tuple[GroundTruth, tuple[str, ...]]:
    """Read the four `.mat` files in a folder.

    A folder without a `ground_truth/` may lack files (the official zips hold `wider_face_val.mat`
    at most); pinned files replace them, and a note says so.

    Returns:
        The ground truth, and the notes.

    Raises:
        DatasetError: A file is missing, unreadable, or has other content than its name says.
        AssetError: A pinned file is needed and cannot be found.
    """
    found = find_ground_truth(root)
    paths, notes = [], []
    for name, place in found.items():
        path = place or fetch_asset(REGISTRY[name])
        if place is None:
            notes.append(f"{name} is not in {root}; the pinned {path} is used")
        paths.append(path)
    faces, *splits = (_load_mat(path) for path in paths)
    truth = _ground_truth_from_mats(faces, dict(zip(SPLITS, splits, strict=True)), paths)
    return truth, tuple(notes)


def find_ground_truth(root: Path) -> dict[str, Path | None]:
    """Find each of the four files in a folder; None for a missing one.

    Raises:
        DatasetError: The folder has a `ground_truth/`, which lacks a file.
    """
    found: dict[str, Path | None] = {}
    for name in ("wider_face_val.mat", *(f"wider_{split}_val.mat" for split in SPLITS)):
        places = [root / d / name for d in _TRUTH_DIRS]
        found[name] = next((path for path in places if path.is_file()), None)
        if found[name] is None and (root / "ground_truth").is_dir():
            raise DatasetError(
                f"ground truth {root / 'ground_truth' / name} is missing; "
                f"copy it there: retinaface assets fetch {name}"
            )
    return found


def _load_mat(path: Path) -> dict[str, Any]:
    import scipy.io

    is_split = path.name != "wider_face_val.mat"
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
            paths[1:], OFFICIAL_N_FACES.items(), mask.sum(axis=0), strict=True
        ):
            if got != expected:
                raise DatasetError(
                    f"{path} is not the ground truth of {split}: expected {expected} faces, "
                    f"got {got}; fetch it again: retinaface assets fetch {path.name}"
                )
