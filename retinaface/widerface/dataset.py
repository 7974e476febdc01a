"""Read the WIDER FACE validation set: image list and images, in its various layouts."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import IMAGES_ARCHIVE, REGISTRY, cache_dir, find_asset, mirror_dir
from retinaface.errors import DatasetError, ImageError, StorageError
from retinaface.files import ZIP_ERRORS, refuse_pointer
from retinaface.storage.location import Location, Url, location
from retinaface.storage.reading import local_copy, naming
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.ground_truth_files import (
    check_named,
    find_mats,
    load_ground_truth,
    text_file,
)
from retinaface.widerface.image_list import own_list
from retinaface.widerface.stored_images import LIST_ENDINGS, StoredImages, open_stored

_IMAGE_DIRS = ("val/images", "WIDER_val/images", "images")


@dataclass(frozen=True)
class ImageFolder:
    """Images as files: `<folder>/<event>/<name>.jpg`."""

    folder: Path

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return (self.folder / f"{image}.jpg").is_file()

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file."""
        return (self.folder / f"{image}.jpg").read_bytes()


@dataclass(frozen=True)
class ImageArchive:
    """Images in the official zip, which stays packed."""

    archive: zipfile.ZipFile

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return f"WIDER_val/images/{image}.jpg" in self.archive.NameToInfo

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file."""
        return self.archive.read(f"WIDER_val/images/{image}.jpg")


@dataclass(frozen=True)
class WiderFace:
    """A copy of the validation set, on disk or in a storage.

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
    store: ImageFolder | ImageArchive | StoredImages
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
            raise ImageError(f"cannot read image {image}.jpg in {self.root}: {error}") from error

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
            fits = set(self.truth.subset("every-8").images)
            hint = (
                "; the subset every-8 is complete: add --subset every-8"
                if subset is None and fits == {i for i in self.listed if self.store.has(i)}
                else "; complete the folder (retinaface assets fetch WIDER_val.zip)"
            )
            raise DatasetError(
                f"{len(missing)} of {len(images)} images are missing in {self.root}, "
                f"first {missing[0]}.jpg{hint}"
            )
        return self.truth.select(images)


def open_widerface(root: Location, ground_truth: Location | str | None = None) -> WiderFace:
    """Find images, list and ground truth in a folder, or by URL.

    Layouts: the vendor's (`val/wider_val.txt`, `val/images/<event>/...` for IGIE; `wider_val.txt`,
    `images/<event>/...` for ixRT), the official one (`WIDER_val/images/<event>/...`, or
    `WIDER_val.zip` as downloaded), each with the ground truth in `ground_truth/`,
    `eval_tools/ground_truth/` or `wider_face_split/`.

    Args:
        ground_truth: Folder of the ground truth, or its text file, where it lies elsewhere.

    Raises:
        DatasetError: No layout is recognised, or a file in it is wrong.
        AssetError: The ground truth is neither in the folder nor among the pinned files.
        StorageError: A URL cannot be read.
    """
    if isinstance(root, Path) and not root.is_dir():
        raise DatasetError(f"WIDER FACE folder {root} is not a folder; check --widerface")
    store: ImageFolder | ImageArchive | StoredImages
    if isinstance(root, Url):
        store, lists = open_stored(root, _IMAGE_DIRS)
    else:
        store, lists = _open_store(root), root
    with naming(root, lists):
        truth, notes = read_truth(lists, ground_truth)
        listed = _own_order(lists, truth)
    notes = tuple(note.replace(str(lists), str(root)) for note in notes)
    return WiderFace(root, truth, listed or truth.images, store, notes)


def read_truth(
    root: Location, ground_truth: Location | str | None = None
) -> tuple[GroundTruth, tuple[str, ...]]:
    """Read the ground truth of a data set; see `load_ground_truth`. What a URL names is copied."""
    named = root if ground_truth is None else location(ground_truth)
    local = local_copy(named, LIST_ENDINGS)
    with naming(named, local):
        truth, notes = load_ground_truth(local, None if ground_truth is None else local)
    return truth, tuple(note.replace(str(local), str(named)) for note in notes)


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


def _open_store(root: Path) -> ImageFolder | ImageArchive:
    for folder in _IMAGE_DIRS:
        if (root / folder).is_dir():
            return ImageFolder(root / folder)
    path = root / IMAGES_ARCHIVE
    if not path.is_file():
        raise DatasetError(
            f"no WIDER FACE images in {root}: expected one of "
            f"{', '.join(d + '/<event>/' for d in _IMAGE_DIRS)} or {IMAGES_ARCHIVE}"
        )
    refuse_pointer(path, DatasetError)
    try:
        return ImageArchive(zipfile.ZipFile(path))
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{path} is not a zip file ({error}); fetch it again") from error


def default_root(*, images: bool = True) -> Path:
    """Find the data set in the mirror or the cache, for commands that name no folder.

    Args:
        images: Whether the images are needed; otherwise the ground truth is enough.

    Raises:
        DatasetError: The data set is in neither.
    """
    places = [d / "widerface" for d in (mirror_dir(), cache_dir()) if d is not None]
    wanted = [*_IMAGE_DIRS, IMAGES_ARCHIVE] if images else ["ground_truth"]
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
    store = _open_store(root)
    named = None if ground_truth is None else local_copy(ground_truth, LIST_ENDINGS)
    truth_root = root if named is None else check_named(named)
    mats = {} if text_file(truth_root) else find_mats(truth_root)
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
