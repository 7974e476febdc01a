"""Print tables, whole lines where the output is piped, and write JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinaface.export.manifest import WeightsSource

_PIPED_WIDTH = 300


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()
) -> None:
    """Print a table; `right` has the indices of columns to align at the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        last = i == len(columns) - 1
        table.add_column(column, justify="right" if i in right else "left", no_wrap=not last)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(table)


def print_ap(title: str, ap: Mapping[str, float]) -> None:
    """Print AP of each split in percent."""
    values = [f"{100 * value:.2f}" for value in ap.values()]
    print_table(["WIDER FACE AP (%)", *ap], [[title, *values]], right=range(1, len(ap) + 1))


def print_notes(notes: Iterable[str]) -> None:
    """Print on stderr what was read into files, or left out and converted to read them."""
    import click

    for note in notes:
        click.echo(f"note: {note}", err=True)


def unknown_words(source: WeightsSource | None) -> str:
    """Give the end of a warning that next to nothing was found; empty for a known checkpoint."""
    from retinaface.network.weights import is_known
    from retinaface.widerface.plausibility import unknown_checkpoint

    if source is None or is_known(source.sha256):
        return ""
    return f"; {unknown_checkpoint(source.source)}"


def write_json(path: Path, content: Any) -> None:
    """Write a whole JSON file, or none."""
    from retinaface.files import new_file

    with new_file(path) as file:
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
