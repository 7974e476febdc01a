"""Read one array of NumPy's format (`.npy`) of strangers, with memory for what is there alone."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np

from retinaface.formats.faults import FormatError

_MAGIC = b"\x93NUMPY"
# Bytes of the length of the header, by version of the format.
_LENGTHS = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
# As NumPy has it; headers of plain arrays have 118 bytes.
_LONGEST_HEADER = 10_000
_MOST_AXES = 32
# What NumPy writes for a plain array. It is a literal of Python, but none is evaluated.
_HEADER = re.compile(
    r"\{'descr': (?P<descr>.+), 'fortran_order': (?P<order>True|False), "
    r"'shape': \((?P<shape>[0-9, ]*)\), ?\}\s*",
    re.DOTALL,
)
_DESCR = re.compile(r"'[<>|=](?P<kind>[biufUS])(?P<size>[0-9]{1,5})'")
# Sizes in bytes, by kind; those of texts are in characters.
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 16)}
# So much is asked for at a time. A decompressor of LZMA gives all that the bytes hold, of which 4
# KiB may hold 28 MiB.
_CHUNK_BYTES = 4096
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
# As Python writes bytes of a file's name that are no UTF-8 (PEP 383).
_BYTES_OF_NAMES = (0xDC80, 0xDCFF)


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[Any]
    n_bytes: int  # of the array
    n_bytes_before: int  # of the header


def read_array(source: IO[bytes], size: int, left: int) -> Any:
    """Read an array, once its header and its size agree.

    Args:
        source: Of its bytes; may give more than it says.
        size: What it is said to have, in bytes.
        left: How many bytes the array may take.

    Raises:
        FormatError: It is damaged, beyond the limit, or holds objects, or texts that are none.
    """
    header = _read_header(source)
    if header.n_bytes > left:
        raise FormatError(f"it claims {header.n_bytes} bytes, more than the limit leaves ({left})")
    n_there = size - header.n_bytes_before
    if header.n_bytes > n_there:
        raise FormatError(f"it ends after {max(n_there, 0)} of {header.n_bytes} bytes")
    if header.n_bytes < n_there:
        raise FormatError(f"it claims {header.n_bytes} bytes, and {n_there} are there")
    content: Any = np.empty(header.n_bytes, np.uint8)
    _fill(source, content.data)
    source.read(1)  # its end, where a zip compares the checksum
    array: Any = np.ndarray(header.shape, header.dtype, buffer=content.data, order=header.order)
    _check_values(array, content)
    return array


def _fill(source: IO[bytes], into: memoryview) -> None:
    at = 0
    while at < len(into):
        chunk = source.read(min(_CHUNK_BYTES, len(into) - at))
        if not chunk:
            raise FormatError(f"it ends after {at} of {len(into)} bytes")
        into[at : at + len(chunk)] = chunk
        at += len(chunk)


def _read_header(source: IO[bytes]) -> _Header:
    start = source.read(len(_MAGIC) + 2)
    if start[: len(_MAGIC)] != _MAGIC or len(start) != len(_MAGIC) + 2:
        raise FormatError("its header is damaged: it does not begin as an array does")
    width = _LENGTHS.get((start[-2], start[-1]))
    if width is None:
        raise FormatError(f"its header is of a version that is not read: {start[-2]}.{start[-1]}")
    length = int.from_bytes(source.read(width), "little")
    if length > _LONGEST_HEADER:
        raise FormatError(f"its header is damaged: it claims {length} bytes")
    found = _HEADER.fullmatch(source.read(length).decode("latin-1"))
    if found is None:
        raise FormatError("its header is damaged: expected type, order and shape")
    dtype = _dtype(found["descr"])
    words = [word.strip() for word in found["shape"].split(",")]
    shape = tuple(int(word) for word in words if word.isascii() and word.isdigit())
    # Where an axis is 0, the others take no memory, but must still be counted.
    most = math.prod(max(n, 1) for n in shape) * dtype.itemsize
    if len(shape) > _MOST_AXES or (most > sys.maxsize and 0 in shape):
        raise FormatError(f"its header claims the shape ({found['shape']:.40})")
    order: Literal["C", "F"] = "F" if found["order"] == "True" else "C"
    n_bytes = math.prod(shape) * dtype.itemsize
    return _Header(shape, order, dtype, n_bytes, len(start) + width + length)


def _dtype(descr: str) -> np.dtype[Any]:
    found = _DESCR.fullmatch(descr)
    if found is not None:
        size = int(found["size"])
        if size in _SIZES.get(found["kind"], (size,)):
            return np.dtype(descr.strip("'"))
    raise FormatError(f"expected numbers or texts, got {_words(descr)}")


def _words(descr: str) -> str:
    return "objects" if descr == "'|O'" else f"{descr:.40}"


def _check_values(array: Any, content: Any) -> None:
    """Refuse bytes that are no value of their type: NumPy takes them, and fails later."""
    if array.dtype.kind == "b" and content.size and content.max() > 1:
        raise FormatError(f"expected 0 or 1 for yes or no, got {content.max()}")
    if array.dtype.kind == "U":
        codes = content.view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        halves = _lie_in(codes, _SURROGATES) & ~_lie_in(codes, _BYTES_OF_NAMES)
        if (codes > _LAST_CHARACTER).any() or halves.any():
            raise FormatError("a text in it is no Unicode")


def _lie_in(codes: Any, ends: tuple[int, int]) -> Any:
    return (codes >= ends[0]) & (codes <= ends[1])
