"""Copy folders and files of a storage into temporary folders, to be read there."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from retinaface.errors import RetinaFaceError
from retinaface.storage.connection import connect, list_files, storage_errors
from retinaface.storage.location import Location, Url


def local_copy(where: Location, wanted: Collection[str] | None = None) -> Path:
    """Copy a folder or file, once more at each call; a path is given back as it is.

    The copy is removed when the process ends. It keeps its name and that of the folder around it.

    Args:
        wanted: Names of files in a folder, of which those are copied that are there; None for all.

    Raises:
        StorageError: It cannot be read.
    """
    if isinstance(where, Path):
        return where
    copy = temporary_folder().joinpath(*where.parts[-2:])
    found = list_files(where)
    fetch(where, [name for name in found if not name or wanted is None or name in wanted], copy)
    return copy


def fetch(url: Url, names: Iterable[str], folder: Path) -> None:
    """Copy files of a storage into a folder.

    Args:
        names: Relative to the URL; see `list_files`.

    Raises:
        StorageError: One cannot be read, or its name leads out of the folder.
    """
    files, top = connect(url)
    for name in names:
        target = folder / name
        with storage_errors(f"read {name} in", url):
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise ValueError("the name leads out of the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(f"{top}/{name}" if name else top, str(target))


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
