"""Change bytes without knowing what they mean."""

from __future__ import annotations

import random
import struct

_NUMBERS = (0, 1, -1, 127, -128, 255, 2**15 - 1, 2**16 - 1, 2**31 - 1, -(2**31), 2**32 - 1, 2**62)
_MAGIC = (
    *(b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"),
    *(b"\x80\x02", b"\x1f\x8b", b"MATLAB 5.0", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[31m"),
)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Make one change."""
    if not data:
        return rng.choice(_MAGIC)
    at = rng.randrange(len(data))
    n = min(len(data) - at, rng.choice((1, 2, 4, 8, 16, 64, 512)))
    kind = rng.randrange(8)
    if kind == 0:
        return _flipped(data, rng)
    if kind in (1, 3):  # cut off the end, or cut something out
        return data[:at] + (data[at + n :] if kind == 3 else b"")
    other = rng.randrange(len(data))
    new = {
        2: rng.randbytes(n),
        4: data[other : other + n],
        5: rng.choice((b"\0", b"\xff")) * n,
        6: number_bytes(rng),
        7: rng.choice(_MAGIC),
    }[kind]
    return data[:at] + new + data[at + (0 if kind == 2 else len(new)) :]


def number_bytes(rng: random.Random) -> bytes:
    """Give a number at an edge of its type, in either order."""
    size, order = rng.choice("bhiq"), rng.choice("<>")
    bits = 8 * struct.calcsize(size)
    value = rng.choice(_NUMBERS) % 2**bits
    return struct.pack(order + size.upper(), value)


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 16))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)
