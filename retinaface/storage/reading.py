"""Copy folders and files of a storage into temporary folders, to be read there."""

from __future__ import annotations

import atexit
import contextlib
import functools
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from retinaface.errors import RetinaFaceError, StorageError
from retinaface.files import too_long
from retinaface.storage.connection import connect, list_sizes, storage_errors
from retinaface.storage.location import Location, Url
from retinaface.temporaries import scratch_dir

# Of one file that is copied: a model, the arrays of a record, or ground truth. What reads the copy
# has limits of its own.
MAX_COPY_BYTES = 1 << 30
_UNKNOWN: Mapping[str, int | None] = MappingProxyType({})


def local_copy(where: Location, wanted: Collection[str] | None = None) -> Path:
    """Copy a folder or file, once more at each call; a path is given back as it is.

    The copy is removed when the process ends. It keeps its name and that of the folder around it.

    Args:
        wanted: Names of files in a folder, of which those are copied that are there; None for all.

    Raises:
        StorageError: It cannot be read, or a file is larger than `MAX_COPY_BYTES`.
    """
    if isinstance(where, Path):
        return where
    copy = temporary_folder().joinpath(*where.parts[-2:])
    found = list_sizes(where)
    fetch(where, [n for n in found if not n or wanted is None or n in wanted], copy, found)
    return copy


def fetch(
    url: Url, names: Iterable[str], folder: Path, sizes: Mapping[str, int | None] = _UNKNOWN
) -> None:
    """Copy files of a storage into a folder.

    Args:
        names: Relative to the URL; see `list_sizes`.
        sizes: What the storage states, in bytes; larger files than `MAX_COPY_BYTES` are refused.

    Raises:
        StorageError: One cannot be read, is too large, or its name leads out of the folder.
    """
    files, top = connect(url)
    for name in names:
        target = folder / name
        if (size := sizes.get(name) or 0) > MAX_COPY_BYTES:
            raise StorageError(too_long(f"{name} in {url}", size, MAX_COPY_BYTES))
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
    stack = contextlib.ExitStack()
    folder = stack.enter_context(scratch_dir())
    atexit.register(stack.close)
    return folder


def temporary_folder() -> Path:
    """Make a folder that is removed when the process ends."""
    return Path(tempfile.mkdtemp(dir=_copies()))
