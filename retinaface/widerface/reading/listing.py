"""List the files of a folder or a zip, whichever system packed it, without what systems add."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from retinaface.errors import DatasetError
from retinaface.formats.zip_directory import ZIP_ERRORS
from retinaface.widerface.reading.archive import read_zip
from retinaface.widerface.reading.folder import read_folder
from retinaface.widerface.reading.members import Member


def read_members(path: Path, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Member]:
    """Read a folder or zip, sorted by name; hidden files are listed, and never read.

    Args:
        wanted: Tells by its parts whether a file that is not hidden is to be read.

    Raises:
        DatasetError: It cannot be read, a name or link leads out of it, a file in it is no file,
            or it exceeds a limit.
    """
    try:
        yield from (read_folder if path.is_dir() else read_zip)(path, wanted)
    except (*ZIP_ERRORS, UnicodeDecodeError) as error:
        raise DatasetError(
            f"cannot read predictions {path}: {error}; expected a folder or a zip file (unpack "
            "any other archive first)"
        ) from error
