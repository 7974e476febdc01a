"""Write docs/reference again: `python -m tools.reference`."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reference.api import api_page
from tools.reference.commands import commands_page
from tools.reference.formats import formats_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = {
    "commands.md": commands_page,
    "python-api.md": api_page,
    "file-formats.md": formats_page,
}


@click.command()
def main() -> None:
    """Write docs/reference again, from the code."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        click.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
