"""Parse JSON of strangers: its size, its depth and its numbers have limits."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from retinaface.formats.faults import FormatError

# The largest record of ours, of all suites over all engines, has 20 MB.
MAX_JSON_BYTES = 256 * 2**20
# Ours are at most 10 deep; whatever walks through JSON later may recurse as deep as it is.
MAX_DEPTH = 64
# What 64 bits hold, as arrays and other languages have it.
_INTEGERS = range(-(2**63), 2**63)
_MOST_DIGITS = 20
_MOST_SHOWN = 40

# A whole string, an opening or a closing bracket; what is in strings does not count.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)


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
    _check_depth(text)
    try:
        return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=float)
    except json.JSONDecodeError as error:
        raise FormatError(f"it is no JSON: {error}") from error


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _TOKENS.finditer(text):
        if found[1]:
            depth += 1
            if depth > MAX_DEPTH:
                raise FormatError(
                    f"lists or objects are inside each other, and at most {MAX_DEPTH} deep is read"
                )
        elif found[2]:
            depth -= 1


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
