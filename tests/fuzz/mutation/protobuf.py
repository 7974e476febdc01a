"""Change fields of a protobuf message at any depth, without its schema."""

from __future__ import annotations

import random

from tests.fuzz.mutation import raw

_VARINTS = (
    *(0, 1, 2, 7, 10, 16, 22, 63, 127, 2**31 - 1, 2**32, 2**63, 2**64 - 1),
    # Sizes in pixels that nobody has, and a negative one.
    *(8192, 2**16, 2**20, 2**40, 2**64 - 7),
)
_STRINGS = (b"", b"\xff", b"../../x", b"/etc/hostname", b"x" * 3000, b"\x1b[2J", b"input", b"Conv")

# So often a number is changed, each kind of place as likely.
_RARE_SHARE = 0.4


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Make one change.

    Raises:
        ValueError: The bytes are no message.
    """
    fields = _fields(data)
    if not fields:
        raise ValueError("an empty message")
    if rng.random() < _RARE_SHARE:
        return _with_rare_number(fields, rng)
    return _joined(_changed(fields, rng, depth=0))


def _with_rare_number(fields: list[tuple[int, int, object]], rng: random.Random) -> bytes:
    """Change a number, each kind of place as likely: axes and types are few among weights."""
    places: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    _collect(fields, (), (), places)
    if not places:
        raise ValueError("no numbers")
    where = rng.choice(places[rng.choice(sorted(places))])
    return _replaced(fields, where, rng.choice(_VARINTS))


def _collect(
    fields: list[tuple[int, int, object]],
    kinds: tuple[int, ...],
    where: tuple[int, ...],
    places: dict[tuple[int, ...], list[tuple[int, ...]]],
) -> None:
    """List the places of numbers by the fields that lead to them."""
    for at, (number, kind, value) in enumerate(fields):
        if kind == 0:
            places.setdefault((*kinds, number), []).append((*where, at))
        elif isinstance(value, bytes) and kind == 2 and len(where) < 8 and value:
            try:
                _collect(_fields(value), (*kinds, number), (*where, at), places)
            except ValueError:  # a text, or weights
                continue


def _replaced(fields: list[tuple[int, int, object]], where: tuple[int, ...], new: int) -> bytes:
    number, kind, value = fields[where[0]]
    if len(where) > 1:
        assert isinstance(value, bytes)
        fields[where[0]] = number, kind, _replaced(_fields(value), where[1:], new)
    else:
        fields[where[0]] = number, kind, new
    return _joined(fields)


def _changed(
    fields: list[tuple[int, int, object]], rng: random.Random, depth: int
) -> list[tuple[int, int, object]]:
    at = rng.randrange(len(fields))
    number, kind, value = fields[at]
    if kind == 2 and isinstance(value, bytes) and depth < 8 and rng.random() < 0.85:
        try:
            inner = _fields(value)
        except ValueError:
            inner = []
        if inner:
            fields[at] = number, kind, _joined(_changed(inner, rng, depth + 1))
            return fields
    action = rng.randrange(6)
    if action == 0:
        del fields[at]
    elif action == 1:
        fields.insert(at, fields[at])
    elif action == 2:
        fields[at] = rng.choice((number + 1, max(1, number - 1), 15)), kind, value
    elif action == 3 and kind == 2:
        fields[at] = number, 0, rng.choice(_VARINTS)
    elif action == 4:
        fields.insert(at, (number, 0, rng.choice(_VARINTS)))
    else:
        fields[at] = number, kind, _other(kind, value, rng)
    return fields


def _other(kind: int, value: object, rng: random.Random) -> object:
    if kind == 0:
        return rng.choice(_VARINTS)
    assert isinstance(value, bytes)
    if kind != 2:
        return rng.randbytes(len(value))
    return rng.choice((*_STRINGS, value[: len(value) // 2], value * 2, raw.mutate(value, rng)))


def _fields(data: bytes) -> list[tuple[int, int, object]]:
    """Split a message into (field number, wire type, value)."""
    fields: list[tuple[int, int, object]] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        value: object
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 2, 5):
            size = 8 if kind == 1 else 4
            if kind == 2:
                size, at = _varint(data, at)
            value = data[at : at + size]
            at += size
        else:
            raise ValueError("an unknown wire type")
        if number == 0 or at > len(data):
            raise ValueError("no message")
        fields.append((number, kind, value))
    return fields


def _joined(fields: list[tuple[int, int, object]]) -> bytes:
    parts = []
    for number, kind, value in fields:
        parts.append(_encoded(number << 3 | kind))
        if kind == 0:
            assert isinstance(value, int)
            parts.append(_encoded(value))
        else:
            assert isinstance(value, bytes)
            parts += [_encoded(len(value)), value] if kind == 2 else [value]
    return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
    raise ValueError("no number")


def _encoded(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
