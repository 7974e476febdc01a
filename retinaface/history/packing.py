"""Pack rows of runs for the index; what comes back from a damaged index is checked."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from retinaface.formats.faults import FormatError
from retinaface.history.rows import RunRow

_DECODER = msgspec.msgpack.Decoder(RunRow)


def unpacked(content: object) -> RunRow:
    """Decode a row.

    Raises:
        FormatError: It is none.
    """
    try:
        return _DECODER.decode(content)  # type: ignore[arg-type]  # what is no bytes is refused
    except (UnicodeDecodeError, TypeError) as error:
        raise FormatError(f"a row in it is damaged: {error}") from error


def name_of(value: object) -> str:
    """Give the name of a run that was stored as bytes.

    Raises:
        FormatError: It is none.
    """
    if not isinstance(value, bytes):
        raise FormatError("a name in it is none")
    return os.fsdecode(value)


def packed(row: RunRow) -> bytes:
    """Encode a row; bytes of names that are no UTF-8 are written out."""
    try:
        return msgspec.msgpack.encode(row)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(msgspec.convert(_plain(msgspec.to_builtins(row)), RunRow))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def text_of(name: str) -> str:
    """Write bytes of a name that are no UTF-8 out, which no text of a file can hold."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
