"""Change members of zips: their names, their content, and arrays of NumPy."""

from __future__ import annotations

import ast
import io
import random
import struct
import warnings
import zipfile

import numpy as np

from tests.fuzz.mutation import raw, words

_NAMES = (
    *("../x.txt", "/x.txt", "a//b.txt", "a\\b.txt", "", ".", "..", "a/", "x" * 300, "\x1b[2J.txt"),
    *("a\nb.txt", "é/\u202ex.txt", "C:/x.txt", "__MACOSX/._x.txt", "a/" * 60 + "x.txt", ".npy"),
)
_TYPES = (
    "|O",
    "<f8",
    "<f4",
    "<f2",
    ">f4",
    "<i8",
    "|b1",
    "<U3",
    "|S5",
    "<M8[s]",
    "<c16",
    "|V7",
    "x",
)
_ARRAYS = (
    *(np.zeros(0), np.zeros((0, 4)), np.float64(np.nan), np.array([-1]), np.array(2**62)),
    *(np.array([np.inf, 1.0]), np.array(["a", "b\n"]), np.zeros((3, 3, 3, 3)), np.array([True])),
)


def mutate_zip(data: bytes, rng: random.Random) -> bytes:
    """Change a member that is text.

    Raises:
        ValueError: The bytes are no zip.
    """
    return _with_members(data, rng, words.mutate)


def mutate_npz(data: bytes, rng: random.Random) -> bytes:
    """Change an array: its header, its length, its values.

    Raises:
        ValueError: The bytes are no zip.
    """
    return _with_members(data, rng, _mutate_npy)


def mutate_torch(data: bytes, rng: random.Random) -> bytes:
    """Change a member of a checkpoint, the description of its tensors most often.

    Raises:
        ValueError: The bytes are no zip.
    """
    members = _members(data)
    pickles = [i for i, (info, _) in enumerate(members) if info.filename.endswith(".pkl")]
    if pickles and rng.random() < 0.6:
        info, content = members[pickles[0]]
        members[pickles[0]] = info, raw.mutate(content, rng)
        return _written(members)
    return _with_members(data, rng, raw.mutate)


def _with_members(data, rng, mutate_content) -> bytes:
    members = _members(data)
    if not members:
        return raw.mutate(data, rng)
    at = rng.randrange(len(members))
    info, content = members[at]
    kind = rng.randrange(9)
    if kind == 0:
        del members[at]
    elif kind == 1:
        members.insert(at, members[at])
    elif kind == 2:
        members[at] = _renamed(info, rng.choice(_NAMES)), content
    elif kind == 3:
        other = rng.choice(members)[1]
        members[at] = info, other
    elif kind == 4:
        return _with_header(data, rng)
    else:
        members[at] = info, mutate_content(content, rng)
    return _written(members)


def _members(data: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, LookupError, ValueError) as error:
        raise ValueError(f"no zip: {error}") from error
    except Exception as error:
        raise ValueError(f"no zip: {error}") from error


def _written(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
        for info, content in members:
            fresh = zipfile.ZipInfo(info.filename or "x", (1980, 1, 1, 0, 0, 0))
            fresh.external_attr = info.external_attr
            archive.writestr(fresh, content, compress_type=info.compress_type)
    return target.getvalue()


def _renamed(info: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    other = zipfile.ZipInfo(name or "x", (1980, 1, 1, 0, 0, 0))
    other.compress_type, other.external_attr = info.compress_type, info.external_attr
    return other


def _with_header(data: bytes, rng: random.Random) -> bytes:
    """Overwrite a field of a header of the directory, or of a member: sizes, method, flags."""
    marks = [
        i for i in range(len(data) - 3) if data[i : i + 4] in (b"PK\1\2", b"PK\3\4", b"PK\5\6")
    ]
    if not marks:
        raise ValueError("no headers")
    at = rng.choice(marks) + 4 + 2 * rng.randrange(12)
    number = raw.number_bytes(rng)
    return data[:at] + number + data[at + len(number) :]


def _mutate_npy(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.15:
        target = io.BytesIO()
        np.save(target, rng.choice(_ARRAYS))
        return target.getvalue()
    if not data.startswith(b"\x93NUMPY") or len(data) < 12:
        return raw.mutate(data, rng)
    (size,) = struct.unpack_from("<H", data, 8)
    values = data[10 + size :]
    kind = rng.randrange(4)
    if kind == 0:
        return data[: 10 + size] + raw.mutate(values, rng)
    if kind == 1:
        return data[: len(data) - rng.randrange(1, len(data))]
    try:
        header = ast.literal_eval(data[10 : 10 + size].decode("latin-1").strip())
        shape, kind_of_values = tuple(header["shape"]), str(header["descr"])
    except (ValueError, SyntaxError, LookupError, TypeError) as error:
        raise ValueError("no header") from error
    if kind == 2:
        shape = _other_shape(shape, rng)
    else:
        kind_of_values = rng.choice(_TYPES)
    order = rng.random() < 0.1
    text = repr({"descr": kind_of_values, "fortran_order": order, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + values


def _other_shape(shape: tuple[int, ...], rng: random.Random) -> tuple[int, ...]:
    choices = [(), (0,), (*shape, 1), shape[:-1], shape[::-1], (10**10,), (-1,), (2**63,), (3, -4)]
    if shape:
        choices += [(shape[0] + 1, *shape[1:]), (shape[0] - 1, *shape[1:]), (10**9, *shape[1:])]
    return rng.choice(choices)
