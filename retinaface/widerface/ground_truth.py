"""Hold the WIDER FACE ground truth: the faces of each image, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from retinaface.errors import DatasetError
from retinaface.typing import BoolArray, FloatArray
from retinaface.widerface.subsets import images_of_subset

SPLITS = ("easy", "medium", "hard")
# The one split of a ground truth without lists of easy, medium and hard faces.
ALL_FACES = ("all faces",)
OFFICIAL_N_IMAGES = 3226
_UNSAFE = re.compile(r"[\x00-\x1f\\:]")


@dataclass(frozen=True)
class GroundTruth:
    """Faces of a list of images.

    Attributes:
        images: Image ids `<event>/<name>`, without an ending, in the order of the official list.
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
    """Check and normalise an image name: `/<event>/<name>.jpg` becomes `<event>/<name>`.

    Raises:
        DatasetError: The name has another form, or leads out of the folder (`..`).
    """
    parts = text.strip().removeprefix("/").split("/")
    if len(parts) != 2 or any(p in ("", ".", "..") or _UNSAFE.search(p) for p in parts):
        raise DatasetError(f"image name {text!r} is not of the form <event>/<name>.jpg")
    name = parts[1][:-4] if parts[1].lower().endswith(".jpg") else parts[1]
    return f"{parts[0]}/{name}"
