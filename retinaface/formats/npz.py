"""Read `.npz` files of strangers: what a file claims is checked before memory is spent.

An array is read where its header, its size in the archive and its type agree. Objects, which could
run code, are never read.
"""

from __future__ import annotations

import io
import math
import sys
import tokenize
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy

from retinaface.files import ZIP_DAMAGE, ZIP_ERRORS
from retinaface.formats.faults import FormatError

# Of all arrays that are read at once. A full reference has 150 MB, the detections of a result over
# all of WIDER FACE some tens.
MAX_ARRAY_BYTES = 512 * 2**20
MAX_MEMBERS = 100_000
# Numbers, texts, yes and no.
_KINDS = "fiubUS"
_ENDING = ".npy"
# What NumPy's reader of a header raises: it parses a literal of Python.
_HEADER_ERRORS = (
    *(ValueError, SyntaxError, TypeError, RecursionError, MemoryError),
    tokenize.TokenError,
)
# By version: the reader, and how many bytes say how long the header is.
_HEADERS: Mapping[Any, Any] = {
    (1, 0): (npy.read_array_header_1_0, 2),
    (2, 0): (npy.read_array_header_2_0, 4),
}
_MAX_HEADER = 10_000
_BLOCK_BYTES = 2**20

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
            try:
                with archive.open(member) as source:
                    found[name] = _read(source, member.file_size, left)
            except FormatError as error:
                raise FormatError(f"array {name!r}: {error}") from error
            except ZIP_ERRORS as error:
                raise FormatError(f"array {name!r} is damaged: {error}") from error
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


def _read(source: IO[bytes], size: int, left: int) -> Any:
    """Read one array, once its header and the size of its member agree."""
    shape, is_fortran, dtype = _header(source)
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise FormatError(f"expected numbers or texts, got {dtype}")
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > left:
        raise FormatError(f"it claims {n_bytes} bytes, more than the limit leaves ({left})")
    if n_bytes > size:
        raise FormatError(f"it claims {n_bytes} bytes, and its member has {size}")
    content = bytearray(n_bytes)
    at, view = 0, memoryview(content)
    while at < n_bytes and (n := source.readinto(view[at : at + _BLOCK_BYTES])):  # type: ignore[attr-defined]
        at += n
    if at != n_bytes:
        raise FormatError(f"it ends after {at} of {n_bytes} bytes")
    source.read(1)  # its end, where the checksum is compared
    order: Literal["C", "F"] = "F" if is_fortran else "C"
    try:
        array = np.ndarray(shape, dtype, buffer=content, order=order)
    except ValueError as error:  # too many axes, or one too long
        raise FormatError(f"its shape cannot be: {error}") from error
    if dtype.kind == "U" and array.size and _points(array).max() > sys.maxunicode:
        raise FormatError("a text in it is no Unicode")
    return array


def _points(array: Any) -> Any:
    """View a text's characters as numbers."""
    native = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="), copy=False)
    return native.reshape(-1).view(np.uint32)


def _header(source: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(source)
        if version not in _HEADERS:
            raise FormatError("its header is of a version that is not read")
        read, n_prefix = _HEADERS[version]
        prefix = source.read(n_prefix)
        if (size := int.from_bytes(prefix, "little")) > _MAX_HEADER:
            raise FormatError(f"its header claims {size} bytes, and at most {_MAX_HEADER} are read")
        shape, is_fortran, dtype = read(io.BytesIO(prefix + source.read(size)))
    except FormatError:
        raise
    except ZIP_ERRORS as error:
        raise FormatError(f"its header is damaged: {error}") from error
    except _HEADER_ERRORS as error:
        raise FormatError(f"its header is damaged: {type(error).__name__}: {error}") from error
    if min(shape, default=0) < 0:
        raise FormatError(f"its header claims the shape {shape}")
    return shape, is_fortran, dtype


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
