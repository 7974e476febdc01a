"""Check that a PNG is whole, and that it unpacks to its pixels and nothing more."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_SIGNATURE_BYTES = 8
# Tools write chunks of 8 KiB and more.
_MAX_CHUNKS = 1 << 20
# So much compressed data may unpack to 2 GiB at most, in 5 s; only longer data is looked through.
_HARMLESS_BYTES = 2 << 20
_PIECE_BYTES = 1 << 20
# Samples of a pixel, by the type of colour.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def png_is_whole(data: bytes) -> bool:
    """Walk over the chunks up to IEND, because libpng would print a line for a wrong checksum."""
    position, pixels = _SIGNATURE_BYTES, []
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):  # length, type, checksum
            break
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        if kind == b"IDAT":
            pixels.append((position + 8, end))
        if kind == b"IEND":
            return _holds_pixels_alone(data, pixels)
        position = end + 4
    return False


def _holds_pixels_alone(data: bytes, chunks: Sequence[tuple[int, int]]) -> bool:
    """Tell whether data unpacks to the pixels alone; libpng would unpack all of it, for minutes."""
    if sum(end - start for start, end in chunks) <= _HARMLESS_BYTES:
        return True
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    row_bytes = -(-width * _SAMPLES.get(colour, 4) * depth // 8) + 1
    # Interlaced images have more rows, with a byte each and some bits unused.
    left: int = height * (row_bytes + 4) + _PIECE_BYTES
    unpacker = zlib.decompressobj()
    try:
        for start, end in chunks:
            packed = data[start:end]
            while packed and left >= 0:
                left -= len(unpacker.decompress(packed, _PIECE_BYTES))
                packed = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return left >= 0
