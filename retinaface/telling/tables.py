"""Lay out tables: for a terminal, so that nothing of them is lost, and as CSV."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence

from retinaface.telling.visible import visible
from retinaface.telling.words import is_number

_GAP = 2
_INDENT = "  "
# A cell that is folded over more lines is harder to read than a list.
_MOST_FOLDS = 3
# What begins a formula in a spreadsheet; the wide forms do so in Japanese and Chinese ones.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")

Cells = Sequence[str]


def table_lines(
    columns: Cells, rows: Sequence[Cells], *, right: Collection[int] = (), width: int | None = None
) -> list[str]:
    """Write a table: a line for each row where that fits, else without a loss in another form.

    Cells are folded between words. Where that is not enough, the first column becomes a heading
    over the rest of its row; then the last one, which often is a note, goes below the rest; and
    where that is not enough either, each row becomes a list.

    Args:
        columns: Headings.
        right: Indices of columns to align at the right.
        width: Of the terminal; None for lines of any length.
    """
    widths = _fitted(columns, rows, width)
    if width is None or widths is not None:
        return _drawn(columns, rows, right, widths or _natural(columns, rows))
    for last in (len(columns), len(columns) - 1):
        inner = [row[1:last] for row in rows]
        if last > 2 and (widths := _fitted(columns[1:last], inner, width - len(_INDENT))):
            body = _drawn_rows(columns[1:last], inner, {i - 1 for i in right}, widths)
            return list(_lifted((columns, *rows), body, last, width))
    return [line for row in rows for line in _listed(columns, row, width)]


def csv_text(columns: Cells, rows: Iterable[Iterable[object]]) -> str:
    """Write a table as CSV; a cell is empty where there is nothing.

    A text that a spreadsheet would take for a formula begins with an apostrophe, as spreadsheets
    themselves mark a text; numbers stay numbers.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_csv_cell, columns))
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return file.getvalue()


def _csv_cell(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    shown = visible(cell)
    is_formula = shown.lstrip().startswith(_FORMULA) and not is_number(shown)
    return f"'{shown}" if is_formula else shown


def _fitted(columns: Cells, rows: Sequence[Cells], width: int | None) -> list[int] | None:
    """Choose the width of each column; None where folding between words does not fit."""
    if width is None:
        return None
    body = [[row[i] for row in rows] for i in range(len(columns))]
    natural = _natural(columns, rows)
    least = [
        max(map(_longest_word, (name, *cells))) for name, cells in zip(columns, body, strict=True)
    ]
    room = width - _GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    # All columns may be as wide as the widest that fits; what a narrow one leaves goes to others.
    for most in range(max(natural), 0, -1):
        widths = [min(n, max(low, most)) for n, low in zip(natural, least, strict=True)]
        if sum(widths) <= room:
            break
    folds = [
        math.ceil(_longest_line(cell) / w)
        for cells, w in zip(body, widths, strict=True)
        for cell in cells
    ]
    return widths if max(folds, default=1) <= _MOST_FOLDS else None


def _natural(columns: Cells, rows: Sequence[Cells]) -> list[int]:
    return [max(_longest_line(row[i]) for row in (columns, *rows)) for i in range(len(columns))]


def _longest_line(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.splitlines() or [""]))


def _longest_word(text: str) -> int:
    return max(map(_longest_line, text.split() or [""]))


def _drawn(
    columns: Cells, rows: Sequence[Cells], right: Collection[int], widths: Sequence[int]
) -> list[str]:
    return [line for lines in _drawn_rows(columns, rows, right, widths) for line in lines]


def _drawn_rows(
    columns: Cells, rows: Sequence[Cells], right: Collection[int], widths: Sequence[int]
) -> Iterator[list[str]]:
    """Draw the headings, then each row: one or more lines each."""
    from rich.cells import cell_len

    for row in (columns, *rows):
        folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines = []
        for i in range(max(map(len, folded))):
            line = ""
            for j, (cell, width) in enumerate(zip(folded, widths, strict=True)):
                text = cell[i] if i < len(cell) else ""
                blank = " " * (width - cell_len(text))
                line += (" " * _GAP if j else "") + (blank + text if j in right else text + blank)
            lines.append(line.rstrip())
        yield lines


def _folded(text: str, width: int) -> list[str]:
    """Fold a text between words; keep its own line breaks, and words that are longer."""
    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(
            line, max(1, width), break_long_words=False, break_on_hyphens=False
        )
        or [""]
    ] or [""]


def _lifted(
    rows: Sequence[Cells], body: Iterator[list[str]], last: int, width: int
) -> Iterator[str]:
    """Put the first cell of each row over the rest; an empty one continues the row before.

    Args:
        rows: Headings among them.
        body: Lines of the cells up to `last`; those from there on go below.
    """
    for row, lines in zip(rows, body, strict=True):
        if row[0]:
            yield from _folded(row[0], width)
        yield from (_INDENT + line for line in lines)
        for cell in filter(None, row[last:]):
            indent = _INDENT * 2
            yield from (indent + line for line in _folded(cell, width - len(indent)))


def _listed(columns: Cells, row: Cells, width: int) -> Iterator[str]:
    """Write a row as a list: the first cell, then each other that is not empty under its name."""
    if row[0]:
        yield from _folded(f"{columns[0]}  {row[0]}" if columns[0] else row[0], width)
    beside = max(map(_longest_line, columns[1:]), default=0) + len(_INDENT) + _GAP
    for name, cell in zip(columns[1:], row[1:], strict=True):
        if not cell:
            continue
        label = f"{_INDENT}{name}"
        if beside > width // 2 or _longest_word(cell) > width - beside:
            yield label
            indent = _INDENT * 2
            yield from (indent + line for line in _folded(cell, width - len(indent)))
        else:
            first, *others = _folded(cell, width - beside)
            yield label.ljust(beside) + first
            yield from (" " * beside + line for line in others)
