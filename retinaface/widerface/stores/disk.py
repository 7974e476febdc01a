"""Read the images of a data set from files, or from the official zip."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import IMAGES_ARCHIVE
from retinaface.detection.image_folders import MAX_IMAGE_BYTES
from retinaface.errors import DatasetError, ImageError
from retinaface.files import read_bounded, refuse_pointer, too_long
from retinaface.widerface.ground_truth import file_name
from retinaface.widerface.reading.archive import check_directory

_PIECE_BYTES = 1 << 16
IMAGE_DIRS = ("val/images", "WIDER_val/images", "images")


@dataclass(frozen=True)
class ImageFolder:
    """Images as files: `<folder>/<event>/<name>.jpg`, or another name of the ground truth."""

    folder: Path

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return (self.folder / file_name(image)).is_file()

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file."""
        return read_bounded(self.folder / file_name(image), MAX_IMAGE_BYTES, ImageError)


@dataclass(frozen=True)
class ImageArchive:
    """Images in the official zip, which stays packed."""

    archive: zipfile.ZipFile

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return f"WIDER_val/images/{file_name(image)}" in self.archive.NameToInfo

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file."""
        name = f"WIDER_val/images/{file_name(image)}"
        stated = self.archive.getinfo(name).file_size
        if stated > MAX_IMAGE_BYTES:
            raise ImageError(too_long(name, stated, MAX_IMAGE_BYTES))
        with self.archive.open(name) as source:  # in pieces: a directory may state too little
            return b"".join(iter(lambda: source.read(_PIECE_BYTES), b""))

    def __reduce__(self) -> tuple[Callable[[Path], ImageArchive], tuple[Path]]:
        """Be opened anew in another process."""
        return _open_archive, (Path(str(self.archive.filename)).absolute(),)


def _open_archive(path: Path) -> ImageArchive:
    return ImageArchive(zipfile.ZipFile(path))


def open_store(root: Path, names: Sequence[str] = ()) -> ImageFolder | ImageArchive:
    """Find the images.

    Args:
        names: Ids of images that may lie in the folder itself.

    Raises:
        DatasetError: There are none in any layout, and no names.
    """
    layouts = [ImageFolder(root / name) for name in IMAGE_DIRS if (root / name).is_dir()]
    for store in (ImageFolder(root), *layouts):
        if any(map(store.has, names)):
            return store
    if layouts:
        return layouts[0]
    path = root / IMAGES_ARCHIVE
    if names and not path.exists():
        return ImageFolder(root)
    if not path.is_file():
        raise DatasetError(
            f"no WIDER FACE images in {root}: expected one of "
            f"{', '.join(d + '/<event>/' for d in IMAGE_DIRS)} or {IMAGES_ARCHIVE}"
        )
    refuse_pointer(path, DatasetError)
    check_directory(path)
    try:
        return _open_archive(path)
    # NotImplementedError: an entry states a version that no tool of today writes.
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DatasetError(f"{path} is not a zip file ({error}); fetch it again") from error
