"""Read `.npz` files of strangers: what a file claims is checked before memory is spent.

An array is read where its header, its size in the archive and its type agree. Objects, which could
run code, are never read.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.formats.faults import FormatError
from retinaface.formats.npy import read_array
from retinaface.formats.zip_directory import ZIP_DAMAGE, ZIP_ERRORS, has_too_many

# Of all arrays that are read at once. A full reference has 150 MB; of a record, one result is read.
MAX_ARRAY_BYTES = 512 * 2**20
MAX_MEMBERS = 100_000
_ENDING = ".npy"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
# Python's own writer of zips asks for 8 MiB.
_MAX_DICTIONARY_BYTES = 64 * 2**20
# What stands before a member: lengths of its name and of what else there is (APPNOTE.TXT 4.3.7).
_LOCAL = struct.Struct("<26xHH")

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Array:
    """What an array must be.

    Attributes:
        kinds: Kinds of its dtype, as NumPy's letters: `f`, `i`, `u`, `b`, `U`.
        shape: Of each axis a number, or a name; axes of one name are of one length. `N+1` is one
            more than `N`.
        is_optional: Whether it may be absent.
    """

    kinds: str
    shape: tuple[int | str, ...]
    is_optional: bool = False


def member_names(path: Path) -> list[str]:
    """List the arrays of a file without reading one.

    Raises:
        FormatError: It is no `.npz`, or has too many members.
        OSError: It cannot be read.
    """
    with _opened(path) as archive:
        return [name.removesuffix(_ENDING) for name in archive.namelist()]


def read_arrays(path: Path, wanted: Callable[[str], bool] = lambda _name: True) -> Arrays:
    """Read arrays.

    Args:
        path: Of the file.
        wanted: Says which arrays, by name.

    Raises:
        FormatError: The file is damaged, beyond a limit, or holds objects.
        OSError: It cannot be read.
    """
    found: Arrays = {}
    left = MAX_ARRAY_BYTES
    with _opened(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(_ENDING)
            if not wanted(name):
                continue
            if name in found:
                raise FormatError(f"array {name!r} is in it twice")
            try:
                found[name] = _read_member(archive, member, path, left)
            except FormatError as error:
                raise FormatError(f"array {name!r}: {error}") from error
            left -= found[name].nbytes
    return found


def check_arrays(arrays: Mapping[str, Any], expected: Mapping[str, Array]) -> dict[str, int]:
    """Compare arrays with what they must be.

    Returns:
        The length of each named axis.

    Raises:
        FormatError: One is missing, or has another type or shape.
    """
    lengths: dict[str, int] = {}
    for name, one in expected.items():
        if name not in arrays:
            if one.is_optional:
                continue
            raise FormatError(f"array {name!r} is missing")
        _check_array(name, arrays[name], one, lengths)
    return lengths


def check_offsets(name: str, offsets: Any, n: int) -> None:
    """Check that offsets begin at 0, never fall, and end at n."""
    if offsets[0] != 0 or offsets[-1] != n or (offsets[1:] < offsets[:-1]).any():
        raise FormatError(f"array {name!r}: expected rows that begin at 0, rise, and end at {n}")


def check_range(name: str, array: Any, low: float, high: float) -> None:
    """Check that no value lies outside of a range, its ends included; a NaN does."""
    if not ((array >= low) & (array <= high)).all():
        raise FormatError(f"array {name!r}: expected values from {low:g} to {high:g}")


def check_names(name: str, values: Iterable[object]) -> None:
    """Check that no name stands twice."""
    listed = list(values)
    if len(set(listed)) != len(listed):
        raise FormatError(f"array {name!r}: a name stands in it twice")


def _opened(path: Path) -> zipfile.ZipFile:
    if has_too_many(path, MAX_MEMBERS):
        raise FormatError(f"it has more than {MAX_MEMBERS} members")
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_DAMAGE as error:
        raise FormatError(f"it is no .npz file: {error}") from error
    except ValueError as error:  # positions in a damaged directory
        raise FormatError(f"its directory is damaged: {error}") from error
    if len(archive.infolist()) > MAX_MEMBERS:
        archive.close()
        raise FormatError(f"it has more than {MAX_MEMBERS} members")
    return archive


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> Any:
    if member.compress_type not in _METHODS:
        raise FormatError(f"it is compressed by method {member.compress_type}, which is not read")
    if member.compress_type == zipfile.ZIP_LZMA:
        _check_dictionary(path, member)
    try:
        with archive.open(member) as source:
            return read_array(source, member.file_size, left)
    except FormatError:
        raise
    except (*ZIP_ERRORS, ValueError) as error:  # ValueError: a position before the file's start
        raise FormatError(f"it is damaged: {error}") from error


def _check_dictionary(path: Path, member: zipfile.ZipInfo) -> None:
    """Look at the memory for which a decompressor of LZMA is going to ask."""
    with path.open("rb") as file:
        file.seek(max(0, member.header_offset))
        local = file.read(_LOCAL.size)
        if len(local) == _LOCAL.size:
            file.seek(sum(_LOCAL.unpack(local)), 1)
        # Version, length and first byte of the settings; then the size.
        n_bytes = int.from_bytes(file.read(9)[5:], "little")
    if n_bytes > _MAX_DICTIONARY_BYTES:
        raise FormatError(
            f"it asks for {n_bytes} bytes to unpack, and at most {_MAX_DICTIONARY_BYTES} are given"
        )


def _check_array(name: str, array: Any, one: Array, lengths: dict[str, int]) -> None:
    axes = ", ".join(str(axis) for axis in one.shape)
    if array.dtype.kind not in one.kinds or array.ndim != len(one.shape):
        raise FormatError(
            f"array {name!r}: expected ({axes}) of kind {'/'.join(one.kinds)}, got "
            f"{array.shape} {array.dtype}"
        )
    for axis, n in zip(one.shape, array.shape, strict=True):
        if isinstance(axis, int):
            expected = axis
        elif axis.endswith("+1"):
            expected = lengths.setdefault(axis[:-2], n - 1) + 1
        else:
            expected = lengths.setdefault(axis, n)
        if n != expected:
            found = ", ".join(f"{key} = {value}" for key, value in lengths.items())
            raise FormatError(
                f"array {name!r}: expected ({axes}){f' with {found}' if found else ''}, got "
                f"{array.shape}"
            )
