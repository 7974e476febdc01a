"""Read a data set, list and images: WIDER FACE in its layouts, or images with their own truth."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import IMAGES_ARCHIVE, REGISTRY, cache_dir, find_asset, mirror_dir
from retinaface.errors import DatasetError, ImageError, StorageError
from retinaface.formats.zip_directory import ZIP_ERRORS
from retinaface.storage.location import Location, Url
from retinaface.storage.reading import naming
from retinaface.widerface.ground_truth import GroundTruth, file_name
from retinaface.widerface.ground_truth_files import (
    TRUTH_NAMES,
    find_mats,
    load_ground_truth,
    single_file,
    truth_place,
)
from retinaface.widerface.image_list import LIST_FILES, own_list
from retinaface.widerface.stores.disk import IMAGE_DIRS, ImageArchive, ImageFolder, open_store
from retinaface.widerface.stores.remote import StoredImages, list_set

Images = ImageFolder | ImageArchive | StoredImages


@dataclass(frozen=True)
class WiderFace:
    """A copy of the validation set, or own images, on disk or in a storage.

    Attributes:
        root: The folder or URL that the user named.
        truth: Ground truth of all images.
        listed: Image ids in the order of the copy's own list, `val/wider_val.txt` or
            `wider_val.txt`; without a list, in the order of the ground truth.
        store: The images.
        notes: Notes for the reader of a result, such as a pinned file in place of a missing one.
    """

    root: Location
    truth: GroundTruth
    listed: tuple[str, ...]
    store: Images
    notes: tuple[str, ...] = ()

    def read_bytes(self, image: str) -> bytes:
        """Read the bytes of one image file.

        Raises:
            ImageError: The file cannot be read.
            StorageError: The storage does not answer, which says nothing of the image.
        """
        try:
            return self.store.read(image)
        except StorageError:
            raise
        except ZIP_ERRORS as error:
            raise ImageError(
                f"cannot read image {file_name(image)} in {self.root}: {error}"
            ) from error

    def select(self, subset: str | None = None, limit: int | None = None) -> GroundTruth:
        """Select the images to run, in the order of the copy's list; all must be there.

        Args:
            subset: `every-8`; images outside it are ignored.
            limit: Keep only this many images, from the first.

        Raises:
            DatasetError: An image of the selection is missing, or the selection is empty.
        """
        if subset is None:
            images = list(self.listed)
        else:
            wanted = self.truth.subset(subset).images
            rank = {image: i for i, image in enumerate(self.listed)}
            images = sorted(wanted, key=lambda image: rank.get(image, len(rank)))
        images = images[:limit]
        if not images:
            raise DatasetError(f"no image of {self.root} is selected; check its list and --limit")
        if missing := [image for image in images if not self.store.has(image)]:
            raise DatasetError(
                f"{len(missing)} of {len(images)} images are missing in {self.root}, "
                f"first {file_name(missing[0])}; {self._advice(subset)}"
            )
        return self.truth.select(images)

    def _advice(self, subset: str | None) -> str:
        """Say what to do about missing images."""
        there = {image for image in self.listed if self.store.has(image)}
        if subset is None and there == set(self.truth.subset("every-8").images):
            return "the subset every-8 is complete: add --subset every-8"
        folder = None if isinstance(self.store, ImageArchive) else self.store.folder
        if folder in (self.root, ""):
            return "names in the ground truth are relative to the folder: check --widerface"
        return "complete the folder (retinaface assets fetch WIDER_val.zip)"


def open_widerface(root: Location, ground_truth: Location | str | None = None) -> WiderFace:
    """Find images, list and ground truth in a folder, or by URL.

    Layouts: the vendor's (`val/wider_val.txt`, `val/images/<event>/...` for IGIE; `wider_val.txt`,
    `images/<event>/...` for ixRT), the official one (`WIDER_val/images/<event>/...`, or
    `WIDER_val.zip` as downloaded), each with the ground truth in `ground_truth/`,
    `eval_tools/ground_truth/` or `wider_face_split/`. With a ground truth of all faces, text or
    COCO, any folder of images will do: names are relative to it.

    Args:
        ground_truth: Folder of the ground truth, or its file, where it lies elsewhere.

    Raises:
        DatasetError: No layout is recognised, or a file in it is wrong.
        AssetError: The ground truth is neither in the folder nor among the pinned files.
        StorageError: A URL cannot be read.
    """
    if isinstance(root, Path) and not root.is_dir():
        raise DatasetError(f"WIDER FACE folder {root} is not a folder; check --widerface")
    images: Callable[[Sequence[str]], Images]
    if isinstance(root, Url):
        stored = list_set(root)
        lists, images = stored.copy((*TRUTH_NAMES, *LIST_FILES)), stored.images
    else:
        lists, images = root, functools.partial(open_store, root)
    shown, local = truth_place(lists, ground_truth)
    with naming(root, lists), naming(shown, local):
        # Before pinned files are looked for, except where the truth says where images are.
        store = None if single_file(local) is not None else images(())
        truth, notes = load_ground_truth(local)
        listed = _own_order(lists, truth)
    places = {str(lists): str(root), str(local): str(shown)}
    for place, name in places.items():
        notes = tuple(note.replace(place, name) for note in notes)
    return WiderFace(root, truth, listed or truth.images, store or images(truth.images), notes)


def _own_order(root: Path, truth: GroundTruth) -> tuple[str, ...] | None:
    """Read the copy's own list; None where it has none.

    Raises:
        DatasetError: It does not fit the ground truth.
    """
    if (own := own_list(root)) is None:
        return None
    list_file, listed = own
    try:
        truth.select(listed)
    except DatasetError as error:
        raise DatasetError(f"{list_file}: {error}") from error
    return listed


def default_root(*, images: bool = True) -> Path:
    """Find the data set in the mirror or the cache, for commands that name no folder.

    Args:
        images: Whether the images are needed; otherwise the ground truth is enough.

    Raises:
        DatasetError: The data set is in neither.
    """
    places = [d / "widerface" for d in (mirror_dir(), cache_dir()) if d is not None]
    wanted = [*IMAGE_DIRS, IMAGES_ARCHIVE] if images else ["ground_truth"]
    for place in places:
        if any((place / name).exists() for name in wanted):
            return place
    what = "images" if images else "ground truth"
    raise DatasetError(
        f"no WIDER FACE {what} in {' or '.join(map(str, places))}; "
        "name a folder with --widerface, or run: retinaface assets fetch"
    )


def check_whole(root: Path, *, may_fetch: bool, ground_truth: Location | None = None) -> None:
    """Check that all files of a data set are there, without reading the images.

    Args:
        may_fetch: Whether missing ground truth may be fetched later.
        ground_truth: Where it lies elsewhere.

    Raises:
        DatasetError: Ground truth or images are missing, or the list is damaged.
    """
    store = open_store(root)
    _, truth_root = truth_place(root, ground_truth)
    mats = {} if single_file(truth_root) else find_mats(truth_root)
    elsewhere = [name for name, path in mats.items() if path is None]
    if not may_fetch and (lacking := [n for n in elsewhere if find_asset(REGISTRY[n]) is None]):
        raise DatasetError(
            f"ground truth {', '.join(lacking)} is missing in {root}; copy it to "
            f"{root / 'ground_truth'}: retinaface assets fetch"
        )
    own = own_list(root)
    listed = own[1] if own is not None else ()
    missing = [image for image in listed if not store.has(image)]
    is_empty = isinstance(store, ImageFolder) and not any(store.folder.iterdir())
    if missing or is_empty:
        what = f"{len(missing)} of {len(listed)} listed" if missing else "all"
        raise DatasetError(
            f"{what} images are missing in {root}; complete the folder, or name another with "
            "--widerface"
        )
