"""Parse JSON of strangers: its size, its depth and its numbers have limits."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from retinaface.errors import RetinaFaceError
from retinaface.files import read_bounded
from retinaface.formats.faults import FormatError

# The largest record of ours, of all suites over all engines, has 20 MB. A text takes up to four
# times its bytes while it is parsed.
MAX_JSON_BYTES = 64 * 2**20
# That record has 700 000. The smallest of values take 200 bytes each.
MAX_VALUES = 2_000_000
# Ours are at most 10 deep; whatever walks through JSON later may recurse as deep as it is.
MAX_DEPTH = 64
# What 64 bits hold, as arrays and other languages have it.
_INTEGERS = range(-(2**63), 2**63)
_MOST_DIGITS = 20
# A float has 17 that count; the largest without an exponent has 309.
_MOST_FLOAT_DIGITS = 1000
_MOST_SHOWN = 40
_TOO_DEEP = f"lists or objects are inside each other, and at most {MAX_DEPTH} deep is read"
# Half of a pair of UTF-16, which is a character only beside the other half.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: Path, error: type[RetinaFaceError]) -> Any:
    """Parse a file; one that is too large is not read.

    Args:
        error: What to raise for what is no file, a Git LFS pointer, or too large.

    Raises:
        FormatError: As `parse_json`.
        OSError: It cannot be read.
    """
    return parse_json(read_bounded(path, MAX_JSON_BYTES, error))


def parse_json(data: bytes | str) -> Any:
    """Parse a text.

    Args:
        data: UTF-8, with or without a byte order mark.

    Raises:
        FormatError: It is too large, no UTF-8, no JSON, or nested too deep; or a number in it is
            larger than 64 bits hold, or a text half a character.
    """
    if len(data) > MAX_JSON_BYTES:
        raise FormatError(f"it has {len(data)} bytes, and at most {MAX_JSON_BYTES} are read")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise FormatError(f"it is no UTF-8: {error}") from error
    # Each value but the first stands behind one of these; those in texts are few.
    if (n_values := sum(map(text.count, ",[{"))) > MAX_VALUES:
        raise FormatError(f"it has some {n_values} values, and at most {MAX_VALUES} are read")
    try:
        found = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=float)
    except json.JSONDecodeError as error:
        raise FormatError(f"it is no JSON: {error}") from error
    except RecursionError as error:  # of the parser, which counts its depth
        raise FormatError(_TOO_DEEP) from error
    _check_depth(found)
    if _SURROGATE.search(text) or isinstance(data, str):
        _check_characters(found)
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


def _check_characters(found: Any) -> None:
    """Refuse half a character, which no file and no terminal takes.

    Bytes of a file's name that are no UTF-8 stand in it as Python writes them (PEP 383).
    """
    try:
        json.dumps(found, ensure_ascii=False).encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise FormatError(f"a text in it is no Unicode: {error.reason}") from error


def _integer(text: str) -> int:
    if len(text) <= _MOST_DIGITS and (value := int(text)) in _INTEGERS:
        return value
    raise _too_large(text)


def _float(text: str) -> float:
    if len(text) <= _MOST_FLOAT_DIGITS and math.isfinite(value := float(text)):
        return value
    raise _too_large(text)


def _too_large(text: str) -> FormatError:
    shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
    return FormatError(f"the number {shown} has {len(text)} characters, more than 64 bits hold")
