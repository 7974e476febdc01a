"""The command `retinaface engines`."""

from __future__ import annotations

from pathlib import Path

import click

from retinaface.cli.options import PATH
from retinaface.cli.output import print_table, write_json
from retinaface.cli.usage.commands import Command


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Also write JSON.")
def engines(folders: tuple[Path, ...], json_file: Path | None) -> None:
    """Show engines side by side, from the records of `validate`.

    \b
    retinaface validate --engine ort-cpu-fp32 --engine opencv-cpu-fp32 --record RUN
    retinaface engines RUN

    Columns: the largest error compared with float64 torch; that error over its limit; detections
    without a counterpart in the baseline, and AP, both with the pipeline igie; images/s divided by
    those of ort-cpu-fp32 (network alone, batch 32, turn by turn: the median, and the range of eight
    in ten turns); time to build. An empty cell was not measured.
    """
    from retinaface.comparison.engine_table import COLUMNS, engine_rows
    from retinaface.files import check_output_file
    from retinaface.records.find import find_runs

    if json_file is not None:
        check_output_file(json_file)
    runs, _ = find_runs(folders)
    rows = engine_rows(runs)
    if not rows:
        raise click.UsageError(
            "these records have no engine; name the folders that validate --record wrote"
        )
    print_table(COLUMNS, [row.cells() for row in rows], right=range(2, len(COLUMNS)))
    if json_file is not None:
        write_json(json_file, [row.as_json() for row in rows])
        click.echo(f"JSON: {json_file}")
