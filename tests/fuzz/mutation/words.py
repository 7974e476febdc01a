"""Change words and lines of text: numbers out of range, other spaces, lines twice or not at all."""

from __future__ import annotations

import random
import re

_WORDS = (
    *(
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1",
        "0",
        "1e308",
        "9" * 5000,
        "1_0",
        "0x10",
        "\u0661",
        "1,5",
        "",
    ),
    *(
        "",
        "a",
        "-",
        "+",
        "1e",
        ".",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\ufeff",
        "é",
        "../..",
        "/",
        "\\",
        "#",
    ),
    *('"', "'''", "[", "]", "[[", "{", "}", "=", "true", "1979-05-27", "[[[[" * 3000, "x" * 5000),
)
_BREAKS = ("\n", "\r\n", "\r", "\n\n", "\x0b", "\x0c", "\u2028", "\x85", "")
_CODES = ("utf-8-sig", "utf-16", "utf-16-be", "latin-1", "utf-32")
_PARTS = re.compile(r"(\s+|[=,\[\]{}\"])")


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Make one change."""
    text = data.decode("utf-8", errors="surrogateescape")
    kind = rng.randrange(8)
    if kind == 0:
        code = rng.choice(_CODES)
        return text.encode(code, errors="replace")
    if kind <= 3:
        lines = text.splitlines(keepends=True) or [""]
        at = rng.randrange(len(lines))
        if kind == 1:
            del lines[at]
        elif kind == 2:
            lines.insert(at, rng.choice(lines) * rng.choice((1, 1, 3, 300)))
        else:
            lines[at] = lines[at].rstrip("\n") + rng.choice(_BREAKS)
        text = "".join(lines)
    else:
        parts = _PARTS.split(text)
        at = rng.randrange(len(parts))
        parts[at] = rng.choice(_WORDS)
        text = "".join(parts)
    return text.encode("utf-8", errors="surrogateescape")
