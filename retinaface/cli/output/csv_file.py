"""The option `--csv` of commands whose figures are a table."""

from __future__ import annotations

from pathlib import Path

import click

from retinaface.cli.output.options import STDOUT

csv_option = click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Also write every figure of every run, a line each; '-' prints them in place of the text.",
)


def check_csv(csv_file: Path | None) -> None:
    """Refuse a file that cannot be written, before anything runs."""
    from retinaface.files import check_output_file

    if csv_file == STDOUT == click.get_current_context().params.get("json_file"):
        raise click.UsageError("--json - and --csv -: expected one of them on standard output")
    if csv_file not in (None, STDOUT):
        check_output_file(csv_file)


def write_csv(path: Path, text: str) -> None:
    """Write a whole file or none, or print it."""
    from retinaface.files import new_file

    if path == STDOUT:
        click.echo(text, nl=False)
        return
    with new_file(path) as file:
        file.write_text(text, encoding="utf-8")
