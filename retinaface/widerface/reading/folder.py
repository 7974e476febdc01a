"""Read the texts of a folder: files below it, and nothing that a link in it names elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from retinaface.errors import DatasetError
from retinaface.files import check_inside, read_bounded
from retinaface.widerface.reading.members import (
    MAX_TEXT_BYTES,
    Member,
    check_depth,
    check_entries,
    check_total,
    is_hidden,
)

Parts = tuple[str, ...]


def read_folder(top: Path, wanted: Callable[[Parts], bool]) -> Iterator[Member]:
    """Read the wanted files, sorted by name.

    Links to files and folders below `top` are followed, except into a folder that they are in.

    Raises:
        OSError: A file or folder cannot be read.
        DatasetError: A wanted file is a pipe, socket or device, a link leads out of `top`, or a
            limit is exceeded; nothing of the file is read.
    """
    total = 0
    for parts, file in sorted(_files_below(top)):
        if is_hidden(parts) or not wanted(parts):
            yield Member(parts, None)
            continue
        check_inside(file, top, DatasetError)
        data = read_bounded(file, MAX_TEXT_BYTES, DatasetError)
        total += len(data)
        check_total(total, top)
        yield Member(parts, data)


def _files_below(top: Path) -> Iterator[tuple[Parts, Path]]:
    """List what is no folder, with its parts; hidden links are listed, and not followed."""
    n_entries = 0
    # Each folder with its parts, and the real places of the folders that it was reached through.
    waiting: list[tuple[Path, Parts, frozenset[str]]] = [(top, (), frozenset())]
    while waiting:
        folder, above, places = waiting.pop()
        place = os.path.realpath(folder)
        if place in places:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                check_entries(n_entries := n_entries + 1, top)
                parts, path = (*above, _printable(entry.name)), Path(entry.path)
                check_depth(parts, top)
                is_passed_over = entry.is_symlink() and is_hidden(parts)
                if is_passed_over or not entry.is_dir():
                    yield parts, path
                    continue
                check_inside(path, top, DatasetError)
                waiting.append((path, parts, places | {place}))


def _printable(name: str) -> str:
    """Replace bytes that are no UTF-8, which could not be printed."""
    return os.fsencode(name).decode("utf-8", "replace")
