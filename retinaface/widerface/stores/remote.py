"""Read the images of a data set by URL; it is listed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.detection.image_folders import MAX_IMAGE_BYTES
from retinaface.errors import DatasetError, ImageError
from retinaface.files import too_long
from retinaface.storage.connection import connect, list_sizes, storage_errors
from retinaface.storage.location import Url
from retinaface.storage.reading import fetch, temporary_folder
from retinaface.widerface.ground_truth import file_name
from retinaface.widerface.stores.disk import IMAGE_DIRS


@dataclass(frozen=True)
class StoredImages:
    """Images in a storage.

    Attributes:
        url: Of the data set.
        files: The file system of fsspec; it may be read from several threads.
        top: The path of the data set in it.
        sizes: Of all files of the data set, in bytes, by name relative to it; see `list_sizes`.
        folder: Folder of the images in the data set, with a `/` at its end; else empty.
    """

    url: Url
    files: Any
    top: str
    sizes: Mapping[str, int | None]
    folder: str = ""

    def has(self, image: str) -> bool:
        """Tell whether the image is there."""
        return f"{self.folder}{file_name(image)}" in self.sizes

    def read(self, image: str) -> bytes:
        """Read the bytes of the image file.

        Raises:
            ImageError: It is larger than any image that is read.
            StorageError: It cannot be read, after the driver's retries.
        """
        name = f"{self.folder}{file_name(image)}"
        if (size := self.sizes.get(name) or 0) > MAX_IMAGE_BYTES:
            raise ImageError(too_long(f"{name} in {self.url}", size, MAX_IMAGE_BYTES))
        with storage_errors(f"read {name} in", self.url):
            content: bytes = self.files.cat_file(f"{self.top}/{name}")
            return content


@dataclass(frozen=True)
class StoredSet:
    """A data set in a storage.

    Attributes:
        everything: All its files, images or not.
    """

    everything: StoredImages

    def images(self, names: Sequence[str] = ()) -> StoredImages:
        """Find the images, as `disk.open_store` does.

        Args:
            names: Ids of images that may lie in the data set's folder itself.

        Raises:
            DatasetError: There are none in any layout, and no names.
        """
        whole = self.everything
        layouts = [
            StoredImages(whole.url, whole.files, whole.top, whole.sizes, f"{folder}/")
            for folder in IMAGE_DIRS
            if any(name.startswith(f"{folder}/") for name in whole.sizes)
        ]
        for store in (whole, *layouts):
            if any(map(store.has, names)):
                return store
        if not layouts and not names:
            raise DatasetError(
                f"no WIDER FACE images in {whole.url}: expected one of "
                f"{', '.join(f'{folder}/<event>/' for folder in IMAGE_DIRS)}; unpack a zip file, "
                "which is not read by URL"
            )
        return layouts[0] if layouts else whole

    def copy(self, wanted: Collection[str]) -> Path:
        """Copy files to this machine, those of the wanted names that are there.

        Returns:
            A folder in the layout of the data set.

        Raises:
            StorageError: One cannot be read.
        """
        whole = self.everything
        place = temporary_folder() / (whole.url.parts or ["set"])[-1]
        place.mkdir()
        fetch(whole.url, sorted(set(whole.sizes).intersection(wanted)), place, whole.sizes)
        return place


def list_set(url: Url) -> StoredSet:
    """List a data set.

    Raises:
        StorageError: It cannot be listed, or nothing is there.
    """
    files, top = connect(url)
    return StoredSet(StoredImages(url, files, top, list_sizes(url)))
