"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping


def print_ap(title: str, ap: Mapping[str, float]) -> None:
    """Print AP of each split in percent."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("WIDER FACE AP (%)")
    for split in ap:
        table.add_column(split, justify="right")
    table.add_row("", *(f"{100 * value:.2f}" for value in ap.values()))
    Console().print(table)
