"""Change the tags of a MATLAB 5 file, inside of compressed elements too."""

from __future__ import annotations

import random
import struct
import zlib

_HEADER = 128
_COMPRESSED = 15
# Types of elements, of arrays, and numbers that are none.
_WORDS = (0, 1, 2, 4, 5, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18, 63, 255, 2**16, 2**31 - 1, 2**32 - 1)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Make one change.

    Raises:
        ValueError: The bytes are no such file.
    """
    elements = _elements(data)
    if not elements:
        raise ValueError("no elements")
    at = rng.randrange(len(elements))
    kind, content = elements[at]
    action = rng.randrange(8)
    if action == 0:
        del elements[at]
    elif action == 1:
        elements.insert(at, elements[at])
    elif action == 2:
        elements[at] = rng.choice(_WORDS), content
    else:
        elements[at] = kind, _words_changed(content, rng)
    return data[:_HEADER] + b"".join(_written(*element, rng) for element in elements)


def _words_changed(content: bytes, rng: random.Random) -> bytes:
    """Change words where a tag is likely: small numbers at an even place."""
    n = len(content) // 4
    if not n:
        raise ValueError("an empty element")
    changed = bytearray(content)
    likely = [
        i
        for i in range(min(n, 4096))
        if 0 < int.from_bytes(content[4 * i : 4 * i + 4], "little") < 64
    ]
    for _ in range(rng.choice((1, 1, 2))):
        at = 4 * (rng.choice(likely) if likely and rng.random() < 0.9 else rng.randrange(n))
        struct.pack_into("<I", changed, at, rng.choice(_WORDS))
    return bytes(changed)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        content = data[at + 8 : at + 8 + size]
        if len(content) < size:
            raise ValueError("cut short")
        at += 8 + size
        if kind == _COMPRESSED:
            try:
                inner = zlib.decompress(content)
            except zlib.error as error:
                raise ValueError("not compressed") from error
            kind, content = int.from_bytes(inner[:4], "little"), inner[8:]
        found.append((kind, content))
    return found


def _written(kind: int, content: bytes, rng: random.Random) -> bytes:
    element = struct.pack("<II", kind, len(content)) + content
    if rng.random() < 0.5:
        return element
    packed = zlib.compress(element, 1)
    return struct.pack("<II", _COMPRESSED, len(packed)) + packed
