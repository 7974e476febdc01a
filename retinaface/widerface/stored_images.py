"""Read the images of a data set by URL; its lists and ground truth are copied once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.errors import DatasetError
from retinaface.storage.connection import connect, list_files, storage_errors
from retinaface.storage.location import Url
from retinaface.storage.reading import fetch, temporary_folder

# What is copied: lists of images, and ground truth, which are text or `.mat`.
LIST_ENDINGS = (".txt", ".mat", ".json")


@dataclass(frozen=True)
class StoredImages:
    """Images in a storage, which was listed once.

    Attributes:
        url: Of the data set.
        files: The file system of fsspec; it may be read from several threads.
        paths: Paths in it of all files of the data set, by name.
        folder: Folder of the images in the data set, with a `/` at its end; else empty.
    """

    url: Url
    files: Any
    paths: dict[str, str]
    folder: str

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return f"{self.folder}{image}.jpg" in self.paths

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file.

        Raises:
            StorageError: It cannot be read, after the driver's retries.
        """
        name = f"{self.folder}{image}.jpg"
        with storage_errors(f"read {name} in", self.url):
            content: bytes = self.files.cat_file(self.paths[name])
            return content


def open_stored(url: Url, image_dirs: tuple[str, ...]) -> tuple[StoredImages, Path]:
    """List a data set, and copy its lists and ground truth.

    Args:
        image_dirs: Where images may be, the first that is there counts.

    Returns:
        The images, and a folder with the copies, in the layout of the data set.

    Raises:
        DatasetError: None of the folders has an image.
        StorageError: It cannot be read.
    """
    paths = list_files(url)
    folders = [f"{name}/" for name in image_dirs]
    folder = next((f for f in folders if any(name.startswith(f) for name in paths)), None)
    if folder is None:
        raise DatasetError(
            f"no WIDER FACE images in {url}: expected one of "
            f"{', '.join(f'{f}<event>/' for f in folders)}; unpack a zip file, which is not read "
            "by URL"
        )
    copied = {
        name: path
        for name, path in paths.items()
        if name.lower().endswith(LIST_ENDINGS) and not name.startswith(folder)
    }
    place = temporary_folder() / url.parts[-1]
    place.mkdir()
    fetch(url, copied, place)
    return StoredImages(url, connect(url)[0], paths, folder), place
