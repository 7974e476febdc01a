"""Write docs/reference and docs/schemas again: `python -m tools.reference`."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reference.api import api_page
from tools.reference.commands import commands_page
from tools.reference.formats import formats_page
from tools.reference.schemas import schemas

_DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER, SCHEMAS = _DOCS / "reference", _DOCS / "schemas"
PAGES = {
    "commands.md": commands_page,
    "python-api.md": api_page,
    "file-formats.md": formats_page,
}


@click.command()
def main() -> None:
    """Write docs/reference and docs/schemas again, from the code."""
    files = {FOLDER / name: page() for name, page in PAGES.items()}
    files |= {SCHEMAS / name: text for name, text in schemas().items()}
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path.relative_to(_DOCS.parent))


if __name__ == "__main__":
    main()
