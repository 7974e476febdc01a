"""Find the known name that a misspelled one is nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# So many names are listed beside the nearest one; where none is near, all are.
_FEW = 8
# Similarity of two names, 0 to 1, from which one is taken for a typo of the other.
SIMILAR = 0.6


def nearest(name: str, known: Iterable[str], *, similar: float = SIMILAR) -> str | None:
    """Find the nearest known name, whatever its case; None where none is alike."""
    cased = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold(), cased, n=1, cutoff=similar)
    return cased[found[0]] if found else None


def unknown(what: str, name: str, known: Iterable[str], *, more: str = "") -> str:
    """Say that a name is unknown, which one is nearest, and which ones there are.

    Args:
        what: Before the name, as in `unknown engine`.
        more: After the known names, as in `or package.module:factory`.
    """
    known = list(known)
    near = nearest(name, known)
    if near and len(known) > _FEW:
        return f"{what} {name!r}; did you mean {near}?"
    hint = f"did you mean {near}? Expected" if near else "expected"
    listed = ", ".join([*known, *([more] if more else [])])
    return f"{what} {name!r}; {hint} one of: {listed}"
