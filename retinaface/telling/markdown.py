"""Write tables of Markdown, and text in which nothing becomes markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retinaface.telling.visible import one_line, visible

# What makes emphasis, code, a link, a picture, a tag, an entity or a formula, or ends a cell.
_MARKS = re.compile(
    r"[\\`*<|~$]|\](?=[(\[:])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])"
    r"|:(?=//)|(?<=www)\.",  # GitHub makes links of bare addresses
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
# What begins a heading, a quote or a list, where it begins a line.
_BEGINS = re.compile(r"^(?:([#>+=-])|(\d+)([.)]))")


class Marked(str):
    """Markdown of our own, which stays markup."""

    __slots__ = ()


def inline(text: str) -> str:
    """Write a text so that a reader of Markdown shows it as it is, in one line."""
    if isinstance(text, Marked):
        return text
    return Marked(_BEGINS.sub(r"\2\\\1\3", _escaped(text)))


def _escaped(text: str) -> str:
    return _MARKS.sub(lambda m: _ENTITIES.get(m[0], f"\\{m[0]}"), one_line(text))


def code(text: str) -> Marked:
    """Write a text as code, or as text where a simpler reader would find markup in it."""
    if _escaped(text).replace("\\_", "_") != text:
        return Marked(_escaped(text))
    return Marked(f"`{text}`")


def block(lines: Sequence[str], language: str = "text") -> Marked:
    """Write lines as a block of code, which none of them ends, nor begins a tag."""
    shown = [_TAG.sub("&lt;", visible(line)) for line in lines]
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(shown))), default=0))
    return Marked("\n".join([f"{fence}{language}", *shown, fence]))


def indented_code(text: str) -> Marked:
    """Write a line as a block of code by its indent."""
    return Marked("    " + _TAG.sub("&lt;", one_line(text)))


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table, with a line for its heading and for each row; see `markdown_row`."""
    return "\n".join(map(markdown_row, (columns, ["---"] * len(columns), *rows)))


def markdown_row(cells: Sequence[str]) -> str:
    """Write a row; a cell is shown as it is, unless it is `Marked`, and a bar does not end it."""
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(cell: str) -> str:
    if isinstance(cell, Marked):
        return re.sub(r"(?<!\\)\|", r"\\|", cell)
    return _escaped(cell)
