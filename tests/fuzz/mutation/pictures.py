"""Change chunks of PNG with their checksums right, and segments of JPEG."""

from __future__ import annotations

import random
import struct
import zlib

from tests.fuzz.mutation import raw

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIZES = (0, 1, 2, 3, 255, 30000, 65535, 1_000_001, 2**31 - 1)


def mutate_png(data: bytes, rng: random.Random) -> bytes:
    """Make one change.

    Raises:
        ValueError: The bytes are no PNG.
    """
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    chunks, at = [], len(_SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        raise ValueError("no chunks")
    i = rng.randrange(len(chunks))
    name, content = chunks[i]
    kind = rng.randrange(6)
    if kind == 0:
        del chunks[i]
    elif kind == 1:
        chunks.insert(i, chunks[i])
    elif kind == 2:
        chunks[i] = rng.choice((b"IDAT", b"IEND", b"tRNS", b"PLTE", b"zTXt", b"\0\0\0\0")), content
    elif kind == 3 and chunks[0][0] == b"IHDR":
        header = bytearray(chunks[0][1].ljust(13, b"\0"))
        struct.pack_into(">I", header, 4 * rng.randrange(2), rng.choice(_SIZES))
        header[8 + rng.randrange(5)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        chunks[0] = b"IHDR", bytes(header)
    else:
        chunks[i] = name, raw.mutate(content, rng)
    return _SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def mutate_jpeg(data: bytes, rng: random.Random) -> bytes:
    """Overwrite a number in the header of a segment: its kind, length, or what follows.

    Raises:
        ValueError: The bytes are no JPEG.
    """
    marks = [i for i in range(len(data) - 1) if data[i] == 0xFF and data[i + 1] not in (0, 0xFF)]
    if not marks:
        raise ValueError("no JPEG")
    at = rng.choice(marks) + rng.randrange(1, 12)
    new = rng.choice((rng.randbytes(1), struct.pack(">H", rng.choice(_SIZES) & 0xFFFF)))
    return data[:at] + new + data[at + len(new) :]
