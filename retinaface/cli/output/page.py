"""The page that a command writes: one HTML file, and Markdown beside it."""

from __future__ import annotations

from pathlib import Path

import click


def check_page(output: Path) -> None:
    """Refuse a name that is not of a page, or a file that cannot be written, before any work."""
    from retinaface.files import check_output_file

    if output.suffix != ".html":
        raise click.UsageError(f"--output {output}: expected a name that ends in .html")
    check_output_file(output)


def page_files(output: Path) -> tuple[Path, Path]:
    """Name the files of a page."""
    return output, output.with_suffix(".md")
