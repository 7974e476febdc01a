"""Put figures into words."""

from __future__ import annotations


def count(n: int, what: str, several: str = "") -> str:
    """Write a number of things: `1 run`, `2 runs`; `several` where that takes no `s`."""
    return f"{n} {what if n == 1 else several or f'{what}s'}"


def is_number(text: str) -> bool:
    """Tell whether a text is a number to Python."""
    try:
        float(text)
    except ValueError:
        return False
    return True
