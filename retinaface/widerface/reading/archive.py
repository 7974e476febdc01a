"""Read the texts of a zip, with limits that hold whatever its directory says."""

from __future__ import annotations

import itertools
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from retinaface.errors import DatasetError, excerpt
from retinaface.files import refuse_pointer, too_long
from retinaface.formats.zip_directory import has_too_many
from retinaface.widerface.reading.members import (
    MAX_ENTRIES,
    MAX_TEXT_BYTES,
    Member,
    check_depth,
    check_entries,
    check_total,
    is_hidden,
)

_DRIVE = re.compile(r"[A-Za-z]:")
_DOS_FOLDER = 0x10
_ENCRYPTED = 0x1
# Whose decompressors stop at a limit; those of bzip2 and LZMA take what the data says.
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
_CHUNK_BYTES = 1 << 16

Parts = tuple[str, ...]


def read_zip(path: Path, wanted: Callable[[Parts], bool]) -> Iterator[Member]:
    """Read the wanted files, sorted by name.

    Raises:
        OSError: The file cannot be read; so do the others of `ZIP_ERRORS`.
        DatasetError: A name leads out of the zip or stands there twice, a file is a link or
            encrypted, or a limit is exceeded; then nothing is unpacked beyond it.
    """
    refuse_pointer(path, DatasetError)
    check_directory(path)
    with zipfile.ZipFile(path) as archive:
        infos = sorted(archive.infolist(), key=lambda one: one.filename)
        check_entries(len(infos), path)
        listed = [(parts, one) for one in infos if (parts := _parts(path, one))]
        read = {one.filename for parts, one in listed if not is_hidden(parts) and wanted(parts)}
        chosen = [one for _, one in listed if one.filename in read]
        for info in chosen:
            _check(path, info)
        check_total(sum(info.file_size for info in chosen), path)
        if len(read) != len(chosen):
            raise DatasetError(f"{path} {_twice([one.filename for one in chosen])}")
        for parts, info in listed:
            data = _unpack(archive, info, path) if info.filename in read else None
            yield Member(parts, data, has_backslashes="\\" in info.filename)


def check_directory(path: Path) -> None:
    """Look at the size of the directory before it is read, as a whole, into memory.

    Raises:
        DatasetError: It has more entries than `MAX_ENTRIES`, or names too long for so many.
    """
    if has_too_many(path, MAX_ENTRIES):
        check_entries(MAX_ENTRIES + 1, path)


def _parts(path: Path, info: zipfile.ZipInfo) -> Parts:
    """Split a name; empty for a folder.

    Raises:
        DatasetError: It leads out of the zip, or is too deep.
    """
    name = info.filename.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
        raise DatasetError(
            f"{path}/{info.filename}: expected <event>/<name>.txt inside the zip, got a "
            "name that leads out of it; pack the folder again"
        )
    check_depth(parts, path)
    is_folder = name.endswith("/") or info.external_attr & _DOS_FOLDER
    return () if is_folder else parts


def _check(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse a file that is not to be unpacked, by what the directory says of it.

    Raises:
        DatasetError: It is a link or another special file, encrypted, of another method, too long.
    """
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "no file"
        raise DatasetError(f"{path}/{info.filename}: it is {what}, and is not read; pack the file")
    if info.flag_bits & _ENCRYPTED:
        raise DatasetError(f"{path}/{info.filename}: it is encrypted; pack it without a password")
    if info.compress_type not in _METHODS:
        raise DatasetError(
            f"{path}/{info.filename}: it is compressed by method {info.compress_type}, expected "
            f"{' or '.join(_METHODS.values())}; pack it again with zip"
        )
    if info.file_size > MAX_TEXT_BYTES:
        raise DatasetError(too_long(f"{path}/{info.filename}", info.file_size, MAX_TEXT_BYTES))


def _twice(names: list[str]) -> str:
    first = next(one for one, other in itertools.pairwise(names) if one == other)
    return f"holds {excerpt(first)} twice, and which one counts is open; keep one"


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    """Unpack one file in chunks, so that no more is unpacked than the limit allows."""
    chunks, n_bytes = [], 0
    with archive.open(info) as source:
        while chunk := source.read(_CHUNK_BYTES):
            chunks.append(chunk)
            n_bytes += len(chunk)
            if n_bytes > MAX_TEXT_BYTES:
                raise DatasetError(too_long(f"{path}/{info.filename}", n_bytes, MAX_TEXT_BYTES))
    return b"".join(chunks)
