"""Show what comes from outside as it is: no character acts on a terminal, a page or a reader.

Names of files and engines, reasons, messages of other programs and records come from strangers.
Where they are shown, a character that moves the cursor, changes colours, turns the direction of
writing, ends a line or is invisible is written out, as Python would: `\\x1b`, `\\u202e`, `\\n`.
"""

from __future__ import annotations

import re
import unicodedata

# Categories of Unicode: control, format (directions, invisible ones), lone halves of a pair, ends
# of lines and paragraphs.
_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# What Unicode calls `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt) outside of these
# categories: letters and marks that show nothing. U+FE00 to U+FE0F and U+E0100 to U+E01EF, also of
# this property, choose the form of the character before them.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
_FORMS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# They join or part two letters of scripts that need it, and the parts of a picture.
_JOINERS = "\u200c\u200d"
# Scripts that join letters begin here, with Hebrew and Arabic; pictures come later.
_FIRST_JOINED = "\u0590"
_KEY = "\u20e3"
# Never a character, and not allowed in XML: U+FFFE and U+FFFF of each plane, U+FDD0 to U+FDEF.
_ENDS_OF_PLANE, _NO_CHARACTERS = 0xFFFE, range(0xFDD0, 0xFDF0)
# What servers of CI take out of a log as a command: GitHub `::error::` at the start of a line and
# `##[error]` anywhere, Azure `##vso[`, TeamCity `##teamcity[`.
_COMMAND = re.compile(r"(?<!\S):(?=:[A-Za-z])|#(?=#(?:\w+)?\[)")
_VERDICT = re.compile(r"\s*VERDICT\b")


def visible(text: str, *, keep: str = "") -> str:
    """Write out every character that would act instead of being seen.

    Args:
        text: Of any origin.
        keep: Characters that stay, as the line breaks of a text of several lines.
    """
    if text.isascii() and text.isprintable():
        return text
    around = f" {text} "
    return "".join(
        one if one in keep or _is_seen(*around[i : i + 3]) else _written(one)
        for i, one in enumerate(text)
    )


def one_line(text: str) -> str:
    """Write a text in one line, without spaces at its ends; what would act is written out."""
    return visible(text.strip(" \n"))


def indented(text: str, indent: str = "  ") -> str:
    """Write a text of several lines so that none but its first begins at the left edge.

    No line of what is quoted can pass for a line of ours, such as a verdict.
    """
    first, *others = visible(text, keep="\n").split("\n")
    return "\n".join([first, *(_moved(line, indent) for line in others)])


def told(line: str) -> str:
    """Write a line of a log that is not the verdict, and so that no server of CI obeys it."""
    shown = _COMMAND.sub(lambda m: f"\\x{ord(m[0]):02x}", visible(line))
    return f"  {shown.lstrip()}" if _VERDICT.match(shown) else shown


def _moved(line: str, indent: str) -> str:
    return line if not line or line.startswith(" ") else indent + line


def _is_seen(before: str, one: str, after: str) -> bool:
    """Tell whether a character is seen, or changes how its neighbour is seen, as it should."""
    if one in _JOINERS:
        return _is_joined(before) and _is_joined(after)
    if _FORMS.match(one):
        is_key = after == _KEY  # of a keyboard: a digit, its form, its frame
        return (before > "\x7f" or is_key) and not _acts(before) and not _FORMS.match(before)
    return not _acts(one)


def _is_joined(one: str) -> bool:
    return one >= _FIRST_JOINED and not _acts(one)


def _acts(one: str) -> bool:
    code = ord(one)
    return (
        unicodedata.category(one) in _ACTING
        or _INVISIBLE.match(one) is not None
        or code & _ENDS_OF_PLANE == _ENDS_OF_PLANE
        or code in _NO_CHARACTERS
    )


def _written(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")
