"""Show what comes from outside as it is: no character acts on a terminal, a page or a reader.

Names of files and engines, reasons, messages of other programs and records come from strangers.
Where they are shown, a character that moves the cursor, changes colours, turns the direction of
writing, ends a line or is invisible is written out, as Python would: `\\x1b`, `\\u202e`, `\\n`.
"""

from __future__ import annotations

import unicodedata

# Categories of Unicode: control, format (directions, invisible ones), lone halves of a pair, ends
# of lines and paragraphs.
_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Format characters without which words and pictures fall apart; they join or part two letters.
_JOINERS = "\u200c\u200d"


def visible(text: str, *, keep: str = "") -> str:
    """Write out every character that would act instead of being seen.

    Args:
        text: Of any origin.
        keep: Characters that stay, as the line breaks of a text of several lines.
    """
    if text.isprintable():
        return text
    return "".join(one if one in keep or not _acts(one) else _written(one) for one in text)


def one_line(text: str) -> str:
    """Join the words of a text that is to be one line, and write out what would act."""
    return visible(" ".join(text.split()))


def indented(text: str, indent: str = "  ") -> str:
    """Write a text of several lines so that none but its first begins at the left edge.

    No line of what is quoted can pass for a line of ours, such as a verdict.
    """
    first, *others = visible(text, keep="\n").split("\n")
    return "\n".join([first, *(_moved(line, indent) for line in others)])


def _moved(line: str, indent: str) -> str:
    return line if not line or line.startswith(" ") else indent + line


def _acts(one: str) -> bool:
    return unicodedata.category(one) in _ACTING and one not in _JOINERS


def _written(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")
