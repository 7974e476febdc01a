"""Find the images in a folder of any depth, one by one, in the order of their names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from retinaface.errors import DatasetError, ImageError
from retinaface.files import read_bounded

# What every OpenCV wheel decodes, in lower case.
IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jp2", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
# An uncompressed 8-bit image of the most pixels that are read has 192 MiB.
MAX_IMAGE_BYTES = 512 << 20
HIDDEN = "hidden"
OUTSIDE = "links to folders, or to files outside of the folder"
SPECIAL = "neither files nor folders"
NO_IMAGE = "without an image's ending"
NO_TEXT = "with a name that is not UTF-8"


def has_image_ending(name: str) -> bool:
    """Tell whether a name ends as images do, in any case."""
    return name.lower().endswith(IMAGE_ENDINGS)


class FolderScan:
    """Gives the images of a folder; memory grows with one level of it, not with all images.

    A link to a folder is not followed, and a link to a file only where that lies in the folder too.

    Attributes:
        passed_over: How many entries were no image, by reason, in the part that was scanned so far.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            DatasetError: It is not a folder.
        """
        if not folder.is_dir():
            raise DatasetError(
                f"cannot read images in {folder}: it is not a folder; check the path"
            )
        self.folder = folder
        self._top = folder.resolve()
        self.passed_over: Counter[str] = Counter()

    def __iter__(self) -> Iterator[str]:
        """Give names relative to the folder, with `/` between folders, sorted level by level.

        Raises:
            DatasetError: A folder in it cannot be read.
        """
        return self._below("")

    def read(self, name: str) -> bytes:
        """Read one of the images.

        Raises:
            ImageError: It cannot be read.
        """
        try:
            return read_bounded(self.folder / name, MAX_IMAGE_BYTES, ImageError)
        except OSError as error:
            raise ImageError(
                f"cannot read image {name} in {self.folder}: {error.strerror}; check the file"
            ) from error

    def notes(self) -> list[str]:
        """Say in one line what was passed over."""
        parts = [f"{n} {reason}" for reason, n in sorted(self.passed_over.items())]
        return [f"passed over in {self.folder}: {', '.join(parts)}"] if parts else []

    def _below(self, inside: str) -> Iterator[str]:
        place = self.folder / inside
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DatasetError(
                f"cannot read the folder {place}: {error.strerror}; check its permissions"
            ) from error
        for entry in found:
            name = f"{inside}{entry.name}"
            if reason := self._reason_against(entry):
                self.passed_over[reason] += 1
            elif entry.is_dir(follow_symlinks=False):
                yield from self._below(f"{name}/")
            else:
                yield name

    def _reason_against(self, entry: os.DirEntry[str]) -> str:
        """Say why an entry is neither a folder to enter nor an image; empty where it is one."""
        if entry.name.startswith("."):
            return HIDDEN
        if entry.name != entry.name.encode(errors="replace").decode():
            return NO_TEXT
        if entry.is_dir(follow_symlinks=False):
            return ""
        if entry.is_symlink() and not self._is_inside(entry):
            return OUTSIDE
        if not entry.is_file():
            return SPECIAL
        return "" if has_image_ending(entry.name) else NO_IMAGE

    def _is_inside(self, link: os.DirEntry[str]) -> bool:
        """Tell whether a link leads to a file below the folder."""
        target = Path(link.path).resolve()
        return not target.is_dir() and self._top in target.parents
