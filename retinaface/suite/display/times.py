"""Say where the time of a run went, the longest first."""

from __future__ import annotations

from collections.abc import Mapping

from retinaface.suite.display.failures import wrap_text

# Less than this share, and the shortest of many, are counted together.
_SMALL, _MOST_NAMED = 0.02, 7
_OTHER = "other"
_NO_BREAK = "\N{NO-BREAK SPACE}"


def time_lines(times_s: Mapping[str, float], width: int) -> list[str]:
    """Write `Time: 61 s: inference 30 s, fps 20 s, other 11 s`; nothing for less than a second.

    Args:
        times_s: Seconds by activity, measured; together they are the run.
        width: Columns.
    """
    total = sum(times_s.values())
    if total < 1:
        return []
    longest = sorted(times_s, key=lambda name: -times_s[name])[:_MOST_NAMED]
    named = {name: times_s[name] for name in longest if times_s[name] >= _SMALL * total}
    named[_OTHER] = named.pop(_OTHER, 0.0) + total - sum(named.values())
    parts = [f"{name} {_words(s)}" for name, s in named.items() if s >= 0.05]
    whole = [part.replace(" ", _NO_BREAK) for part in (f"{_words(total)}:", *parts)]
    lines = wrap_text(f"Time: {whole[0]} {', '.join(whole[1:])}", width)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _words(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
