"""Read ground truth from a COCO file: the faces of any images, as one split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from retinaface.errors import DatasetError, excerpt
from retinaface.files import read_bounded
from retinaface.widerface.ground_truth import ALL_FACES, LARGEST, GroundTruth, image_id
from retinaface.widerface.json_text import parse_json

ENDING = ".json"
FACE = "face"
# Categories that a message lists.
_FEW = 8
_FORM = "expected COCO's form: images (id, file_name), annotations (image_id, bbox), categories"
# About 200 000 faces as tools write them, with masks; what is read takes ten times as much memory.
MAX_COCO_BYTES = 64 << 20
Id = int | str


class _Image(msgspec.Struct):
    """An image; fields that are not read are left out here."""

    id: Id
    file_name: str


class _Annotation(msgspec.Struct):
    """A box of an image: left, top, width, height in pixels; a crowd's box stands for many."""

    image_id: Id
    bbox: tuple[float, float, float, float]
    category_id: Id | None = None
    iscrowd: int | bool = 0
    ignore: int | bool = 0


class _Category(msgspec.Struct):
    """A category and its name."""

    id: Id
    name: str


class _File(msgspec.Struct):
    """What is read of a COCO file."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def read_coco(path: Path) -> tuple[GroundTruth, tuple[str, ...]]:
    """Read a COCO file; a face with `iscrowd` or `ignore` is ignored, every other one counts.

    Of several categories that have boxes, the one with the name `face` is read.

    Returns:
        The ground truth, with images in the order of the file, and notes.

    Raises:
        DatasetError: The file cannot be read, has another form, contradicts itself, names an image
            outside of the folder, or has several categories and none of them is `face`.
    """
    try:
        data = read_bounded(path, MAX_COCO_BYTES, DatasetError)
    except OSError as error:
        raise DatasetError(f"cannot read ground truth {path}: {error.strerror}; {_FORM}") from error
    try:
        content = parse_json(data, _File)
    except DatasetError as error:
        raise DatasetError(f"cannot read ground truth {path}: {error}; {_FORM}") from error
    try:
        names = _names(content.images)
        kept, notes = _of_faces(content)
        truth = _truth(names, kept, {path.name: hashlib.sha256(data).hexdigest()})
    except DatasetError as error:
        raise DatasetError(f"ground truth {path}: {error}") from error
    n_ignored = sum(bool(one.iscrowd or one.ignore) for one in kept)
    about = (
        f"ground truth {path}: AP of all faces, {len(kept)} in {len(names)} images, of which "
        f"{n_ignored} are ignored (iscrowd or ignore); by the protocol of WIDER FACE, not COCO's"
    )
    return truth, (about, *notes)


def _names(images: Sequence[_Image]) -> dict[Id, str]:
    """Give the id in this package of each image of the file."""
    if not images:
        raise DatasetError("it lists no image; add them to `images`")
    names: dict[Id, str] = {}
    for image in images:
        if image.id in names:
            raise DatasetError(f"two images have the id {excerpt(image.id)}; give each its own")
        names[image.id] = image_id(image.file_name)
    name, n = Counter(names.values()).most_common(1)[0]
    if n > 1:
        raise DatasetError(f"{n} images have the name {excerpt(name)}; keep one of them")
    return names


def _of_faces(content: _File) -> tuple[list[_Annotation], list[str]]:
    """Choose the annotations of faces, and note what was left out."""
    counts = Counter(one.category_id for one in content.annotations)
    if len(counts) <= 1:
        return content.annotations, []
    names = {category.id: category.name for category in content.categories}
    words = {i: names.get(i, f"category {i}") for i in counts if i is not None}
    faces = [i for i, name in words.items() if name.strip().lower() == FACE]
    some = [excerpt(word) for word in sorted(words.values())[:_FEW]]
    listed = ", ".join(some) + (" and none" if None in counts else "")
    if len(faces) != 1:
        raise DatasetError(
            f"its boxes are of {len(counts)} categories ({listed}), expected one, or one named "
            f"{FACE!r}; write a file with the boxes of faces alone"
        )
    kept = [one for one in content.annotations if one.category_id == faces[0]]
    n_other = len(content.annotations) - len(kept)
    return kept, [f"{n_other} boxes of other categories than {FACE!r} are left out"]


def _truth(
    names: dict[Id, str], faces: Iterable[_Annotation], sha256: dict[str, str]
) -> GroundTruth:
    by_image: dict[Id, list[_Annotation]] = {one: [] for one in names}
    for face in faces:
        if face.image_id not in by_image:
            raise DatasetError(
                f"a box is of image {excerpt(face.image_id)}, which `images` lacks; add the image, "
                "or leave out the box"
            )
        if min(face.bbox[2:]) < 0 or not all(abs(value) <= LARGEST for value in face.bbox):
            raise DatasetError(
                f"a box in {names[face.image_id]} is {list(face.bbox)}, expected left, top, width, "
                f"height in pixels, no size below 0, and nothing beyond {LARGEST:g}"
            )
        by_image[face.image_id].append(face)
    images, rows = tuple(names.values()), list(by_image.values())
    boxes = [np.array([face.bbox for face in row], np.float64).reshape(-1, 4) for row in rows]
    counted = [[[not (face.iscrowd or face.ignore)] for face in row] for row in rows]
    return GroundTruth(
        images,
        tuple(boxes),
        tuple(np.array(row, bool).reshape(-1, 1) for row in counted),
        images,
        sha256,
        ALL_FACES,
    )
