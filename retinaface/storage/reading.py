"""Copy folders and files of a storage into temporary folders, to be read there."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from retinaface.errors import RetinaFaceError
from retinaface.storage.connection import connect, list_files, storage_errors
from retinaface.storage.location import Location, Url


def local_copy(where: Location, endings: tuple[str, ...] = ("",)) -> Path:
    """Copy a folder or file, once more at each call; a path is given back as it is.

    The copy is removed when the process ends. It keeps its name and that of the folder around it.

    Args:
        endings: In lower case; files of a folder with others are left out.

    Raises:
        StorageError: It cannot be read.
    """
    if isinstance(where, Path):
        return where
    copy = temporary_folder().joinpath(*where.parts[-2:])
    found = list_files(where).items()
    fetch(where, {n: path for n, path in found if not n or n.lower().endswith(endings)}, copy)
    return copy


def fetch(url: Url, found: Mapping[str, str], folder: Path) -> None:
    """Copy files of a storage into a folder.

    Args:
        found: Their paths, by name relative to the folder; see `list_files`.

    Raises:
        StorageError: One cannot be read, or its name leads out of the folder.
    """
    files, _ = connect(url)
    for name, path in found.items():
        target = folder / name
        with storage_errors(f"read {name} in", url):
            if ".." in Path(name).parts:
                raise ValueError("the name leads out of the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(path, str(target))


@contextlib.contextmanager
def naming(where: Location, local: Path) -> Iterator[None]:
    """Name what the user named, in the message of an error on its copy."""
    try:
        yield
    except RetinaFaceError as error:
        if isinstance(where, Path):
            raise
        raise type(error)(str(error).replace(str(local), str(where))) from error


@functools.cache
def _copies() -> Path:
    """Make the folder of all copies, which goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="retinaface-copies-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def temporary_folder() -> Path:
    """Make a folder that is removed when the process ends."""
    return Path(tempfile.mkdtemp(dir=_copies()))
