"""Parse JSON of strangers: its size, its depth and its numbers have limits."""

from __future__ import annotations

import json
import math
from typing import Any

from retinaface.formats.faults import FormatError

# The largest record of ours, of all suites over all engines, has 20 MB and a million values.
MAX_JSON_BYTES = 64 * 2**20
MAX_VALUES = 4_000_000
# Ours are at most 10 deep; whatever walks through JSON later may recurse as deep as it is.
MAX_DEPTH = 64
# What 64 bits hold, as arrays and other languages have it.
_INTEGERS = range(-(2**63), 2**63)
_MOST_DIGITS = 20
_MOST_SHOWN = 40
_TOO_DEEP = f"lists or objects are inside each other, and at most {MAX_DEPTH} deep is read"


def parse_json(data: bytes | str) -> Any:
    """Parse a text.

    Args:
        data: UTF-8, with or without a byte order mark.

    Raises:
        FormatError: It is too large, no UTF-8, no JSON, or nested too deep; or a number in it is
            larger than 64 bits hold.
    """
    if len(data) > MAX_JSON_BYTES:
        raise FormatError(f"it has {len(data)} bytes, and at most {MAX_JSON_BYTES} are read")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise FormatError(f"it is no UTF-8: {error}") from error
    if (n := text.count(",")) > MAX_VALUES:
        raise FormatError(f"it has {n} commas, and at most {MAX_VALUES} values are read")
    try:
        found = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=float)
    except json.JSONDecodeError as error:
        raise FormatError(f"it is no JSON: {error}") from error
    except RecursionError as error:  # of the parser, which counts its depth
        raise FormatError(_TOO_DEEP) from error
    _check_depth(found)
    return found


def _check_depth(found: Any) -> None:
    """Look at one level after the other."""
    level = [found] if isinstance(found, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise FormatError(_TOO_DEEP)


def _integer(text: str) -> int:
    if len(text) <= _MOST_DIGITS and (value := int(text)) in _INTEGERS:
        return value
    raise _too_large(text)


def _float(text: str) -> float:
    if math.isfinite(value := float(text)):
        return value
    raise _too_large(text)


def _too_large(text: str) -> FormatError:
    shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
    return FormatError(f"the number {shown} has {len(text)} characters, more than 64 bits hold")
