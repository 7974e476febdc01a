"""Write tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table, with a line for its heading and for each row."""
    return "\n".join(map(markdown_row, (columns, ["---"] * len(columns), *rows)))


def markdown_row(cells: Sequence[str]) -> str:
    """Write a row; a bar in a cell does not end it."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
