"""Hold the ground truth, of WIDER FACE or own: the faces of each image, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from retinaface.detection.image_folders import has_image_ending
from retinaface.errors import DatasetError, excerpt
from retinaface.typing import BoolArray, FloatArray
from retinaface.widerface.subsets import images_of_subset

SPLITS = ("easy", "medium", "hard")
# The one split of a ground truth without lists of easy, medium and hard faces.
ALL_FACES = ("all faces",)
OFFICIAL_N_IMAGES = 3226
LARGEST = 1e9  # no pixel and no score is near it
# Control characters, and what leads out of a folder on Windows: backslashes, and a drive in front.
_UNSAFE = re.compile(r"[\x00-\x1f\\]|^[A-Za-z]:")
_ENDING = ".jpg"
# Characters of a path that systems open; those of WIDER FACE have 70.
_MAX_NAME = 4096


@dataclass(frozen=True)
class GroundTruth:
    """Faces of a list of images.

    Attributes:
        images: Image ids, see `image_id`, in the order of the list or file that they come from.
        faces_xywh: For each image (F, 4) float64, pixels: left, top, width, height.
        counted: For each image (F, S) bool: whether a face belongs to each of `splits`. A face of
            another split is ignored: a hit on it is neither right nor wrong.
        all_images: Images of the whole set that these are a part of.
        sha256: Hashes of the files that it was read from, by name.
        splits: `SPLITS`, or `ALL_FACES` where it has no lists of them.
    """

    images: tuple[str, ...]
    faces_xywh: tuple[FloatArray, ...]
    counted: tuple[BoolArray, ...]
    all_images: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    splits: tuple[str, ...] = SPLITS

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
        return replace(
            self,
            images=tuple(chosen),
            faces_xywh=tuple(self.faces_xywh[i] for i in picked),
            counted=tuple(self.counted[i] for i in picked),
        )

    def part(self, begin: int, end: int) -> GroundTruth:
        """Keep the images of a range of positions, and nothing that belongs to the whole set."""
        return replace(
            self,
            images=self.images[begin:end],
            faces_xywh=self.faces_xywh[begin:end],
            counted=self.counted[begin:end],
            all_images=(),
            sha256={},
        )

    def subset(self, name: str) -> GroundTruth:
        """Keep the images of a subset; see `images_of_subset`.

        Raises:
            DatasetError: The subset is unknown.
        """
        return self.select(images_of_subset(name, self.images))


def image_id(text: str) -> str:
    """Make the id of an image from its name, a path inside the folder of images.

    The id is the path without the ending `.jpg`; a name with another ending keeps it, so that
    `file_name` gives the file back: `/<event>/<name>.jpg` becomes `<event>/<name>`, and
    `a/b/c.png` stays as it is. WIDER FACE's own lists leave the ending out.

    Raises:
        DatasetError: The name leads out of the folder (`..`), or is no path to an image.
    """
    parts = id_parts(text.strip().removeprefix("/"))
    if not (has_image_ending(parts[-1]) or len(parts) == 2):
        raise DatasetError(_bad_name(text))
    name = "/".join(parts)
    bare = name.removesuffix(_ENDING)
    return name if has_image_ending(bare) else bare


def file_name(image: str) -> str:
    """Give the path of an image's file inside the folder of images."""
    return image if has_image_ending(image) else f"{image}{_ENDING}"


def id_parts(image: str) -> list[str]:
    """Split an image id into folders and name.

    Raises:
        DatasetError: It leads out of the folder.
    """
    parts = image.split("/")
    if len(image) > _MAX_NAME or any(
        p in ("", ".", "..", _ENDING) or _UNSAFE.search(p) for p in parts
    ):
        raise DatasetError(_bad_name(image))
    return parts


def _bad_name(text: str) -> str:
    return (
        f"image name {excerpt(text)} is not of the form <event>/<name>.jpg, nor another path "
        "to an image inside the folder of images"
    )
