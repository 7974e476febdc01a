"""List the files of a folder or a zip, whichever system packed it, without what systems add."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retinaface.errors import DatasetError
from retinaface.files import ZIP_ERRORS, refuse_pointer

# What systems and tools put into folders without a dot in front; in lower case.
_SYSTEM = frozenset(
    (
        "__macosx",
        "__pycache__",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "found.000",
    )
)
_DRIVE = re.compile(r"[A-Za-z]:")
_DOS_FOLDER = 0x10


@dataclass(frozen=True)
class Member:
    """A file of a folder or zip.

    Attributes:
        parts: Folders and name, inside the folder or zip.
        data: Its bytes; None where they were not wanted.
        has_backslashes: Whether backslashes separated its parts.
    """

    parts: tuple[str, ...]
    data: bytes | None
    has_backslashes: bool = False

    @property
    def name(self) -> str:
        """Give the name of the file, without folders."""
        return self.parts[-1]

    def __str__(self) -> str:
        return "/".join(self.parts)


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Tell whether a file is hidden, a backup, or made by a system or tool for itself."""
    return any(
        part.startswith((".", "~$")) or part.endswith("~") or part.lower() in _SYSTEM
        for part in parts
    )


def read_members(path: Path, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Member]:
    """Read a folder or zip, sorted by name; hidden files are listed, and never read.

    Args:
        wanted: Tells by its parts whether a file that is not hidden is to be read.

    Raises:
        DatasetError: It cannot be read, or a name of the zip leads out of it.
    """
    try:
        yield from (_of_folder if path.is_dir() else _of_zip)(path, wanted)
    except (*ZIP_ERRORS, UnicodeDecodeError) as error:
        raise DatasetError(
            f"cannot read predictions {path}: {error}; expected a folder or a zip file (unpack "
            "any other archive first)"
        ) from error


def _of_folder(path: Path, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Member]:
    for file in sorted(_files_below(path)):
        parts = tuple(_printable(part) for part in file.relative_to(path).parts)
        is_read = not is_hidden(parts) and wanted(parts)
        yield Member(parts, file.read_bytes() if is_read else None)


def _files_below(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """List the files, those in linked folders too, but of no folder inside itself.

    Args:
        above: The folders that this one was reached through.

    Raises:
        OSError: A folder cannot be read.
    """
    place = folder.resolve()
    if place in above:
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files_below(entry, above | {place})
        else:
            yield entry


def _printable(name: str) -> str:
    """Replace bytes that are no UTF-8, which could not be printed."""
    return os.fsencode(name).decode("utf-8", "replace")


def _of_zip(path: Path, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Member]:
    refuse_pointer(path, DatasetError)
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda one: one.filename):
            name = info.filename.replace("\\", "/")
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
                raise DatasetError(
                    f"{path}/{info.filename}: expected <event>/<name>.txt inside the zip, got a "
                    "name that leads out of it; pack the folder again"
                )
            if not parts or name.endswith("/") or info.external_attr & _DOS_FOLDER:
                continue
            is_read = not is_hidden(parts) and wanted(parts)
            data = archive.read(info) if is_read else None
            yield Member(parts, data, has_backslashes="\\" in info.filename)
