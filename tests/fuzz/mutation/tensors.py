"""Change what starts with a length and JSON: safetensors, and messages of workers."""

from __future__ import annotations

import random
import struct

from tests.fuzz.mutation import json_text, raw


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change the header of safetensors, or its length.

    Raises:
        ValueError: The bytes are no such file.
    """
    return _mutate(data, rng, "<Q", b"")


def mutate_frames(data: bytes, rng: random.Random) -> bytes:
    """Change the header of the first message, or its length.

    Raises:
        ValueError: The bytes are no message.
    """
    magic, order = frame_prefix(data)
    return _mutate(data, rng, order, magic)


def frame_prefix(data: bytes) -> tuple[bytes, str]:
    """Give the mark of a message, and the form of the length after it."""
    from retinaface.engines.remote import frames

    prefix = struct.Struct(frames._PREFIX.format)
    if len(data) < prefix.size or data[: len(frames._MAGIC)] != frames._MAGIC:
        raise ValueError("no message")
    order = prefix.format[0] + prefix.format[-1]
    return frames._MAGIC, order


def _mutate(data: bytes, rng: random.Random, order: str, magic: bytes) -> bytes:
    start = len(magic) + struct.calcsize(order)
    if len(data) < start:
        raise ValueError("cut short")
    (size,) = struct.unpack_from(order, data, len(magic))
    header, rest = data[start : start + size], data[start + size :]
    kind = rng.randrange(6)
    if kind == 0:
        size = rng.choice((0, 1, size - 1, size + 1, 2**31 - 1, len(data)))
        return magic + struct.pack(order, max(0, size)) + header + rest
    if kind == 1:
        rest = raw.mutate(rest, rng) if rest else b"\0" * 8
    else:
        header = json_text.mutate(header, rng)
    return magic + struct.pack(order, len(header)) + header + rest
