"""Walk through the bytes of a protobuf message before they are parsed, which takes far more memory.

An empty message takes two bytes in a file and some 150 once it is parsed. Texts are decoded, and
fail, only when they are asked for. Bytes that hold neither messages, nor texts, nor packed numbers
are passed over, so weights of any size cost no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from retinaface.formats.faults import FormatError

# Fields in all. A file of this network has 5000; so many take 0.4 s here, and parsed 150 MiB.
MAX_FIELDS = 250_000
# So many bytes of texts or of packed numbers count as one more field: 16 MB of them in all. The
# weights of this network, packed, have 1.7 MB.
BYTES_OF_FIELD = 64
# Messages inside messages; the parsers of protobuf take 100.
MAX_DEPTH = 90
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}
_LONGEST_VARINT = 10
_LAST_TAG = 2**32 - 1

# What a field of bytes holds: a message of a name, texts, or packed numbers.
Content = str | Literal["text", "numbers"]
Messages = Mapping[str, Mapping[int, Content]]


def check_message(
    data: bytes, root: str, messages: Messages, listed: str | None = None
) -> list[bytes]:
    """Check that a message is whole, its texts are UTF-8, and neither depth nor fields too many.

    Args:
        data: The message.
        root: Its name in `messages`.
        messages: By name and number of the field, what a field of bytes holds.
        listed: Name of messages whose contents are returned.

    Returns:
        Contents of the listed messages.

    Raises:
        FormatError: Says what is wrong.
    """
    left, found = MAX_FIELDS, []
    stack = [(0, len(data), root, 0)]
    while stack:
        at, end, name, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise FormatError(f"messages are inside each other, and at most {MAX_DEPTH} deep read")
        fields = messages[name]
        while at < end:
            number, start, at, is_bytes = _field(data, at, end)
            content = fields.get(number) if is_bytes else None
            left -= 1
            if content in ("text", "numbers"):
                left -= (at - start) // BYTES_OF_FIELD
                if content == "text":
                    _text(data[start:at])
            elif content is not None:
                stack.append((start, at, content, depth + 1))
                if content == listed:
                    found.append(data[start:at])
            if left < 0:
                raise FormatError(f"it has more than {MAX_FIELDS} fields")
    return found


def texts_of(data: bytes) -> dict[int, str]:
    """Read a message that holds texts alone: each by its number, the last one of a number.

    Raises:
        FormatError: It is damaged.
    """
    found, at = {}, 0
    while at < len(data):
        number, start, at, is_bytes = _field(data, at, len(data))
        if is_bytes:
            found[number] = _text(data[start:at])
    return found


def _field(data: bytes, at: int, end: int) -> tuple[int, int, int, bool]:
    """Read a field: its number, where its content begins and ends, and whether that is bytes."""
    tag = data[at]
    if tag < 128:
        start = at + 1
    else:
        tag, start = _varint(data, at, end)
    kind, number = tag & 7, tag >> 3
    if not number or tag > _LAST_TAG:
        raise FormatError(f"a field has the number {number}, which no field has")
    if kind == _VARINT:
        return number, start, _varint(data, start, end)[1], False
    if kind == _LENGTH:
        size, start = _varint(data, start, end)
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:
        raise FormatError(f"a field has the kind {kind}, which is not read")
    if start + size > end:
        raise FormatError("it ends inside a field")
    return number, start, start + size, kind == _LENGTH


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for i in range(_LONGEST_VARINT):
        if at + i >= end:
            raise FormatError("it ends inside a number")
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise FormatError("a number in it has no end")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FormatError("a name in it is no UTF-8") from error
