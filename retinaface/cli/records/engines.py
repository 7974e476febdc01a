"""The command `retinaface engines`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retinaface.cli.options import LOCATION
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.cli.answers.records import EngineList
    from retinaface.storage.location import Location


def _show(answer: EngineList, printer: Printer) -> None:
    from retinaface.comparison.engine_table import COLUMNS

    rows = [row.cells() for row in answer.engines]
    printer.table(COLUMNS, rows, right=range(2, len(COLUMNS)))


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=LOCATION, metavar="RUN...")
@answering(_show)
def engines(folders: tuple[Location, ...]) -> EngineList:
    """Show engines side by side, from the records of `validate`.

    \b
    retinaface validate --engine ort-cpu-fp32 --engine opencv-cpu-fp32 --record RUN
    retinaface engines RUN

    Columns: the largest error compared with float64 torch; that error over its limit; detections
    without a counterpart in the baseline, and AP, both with the pipeline igie; images/s divided by
    those of ort-cpu-fp32 (network alone, batch 32, turn by turn: the median, and the range of eight
    in ten turns); time to build. An empty cell was not measured.
    """
    from retinaface.cli.answers.records import EngineList
    from retinaface.comparison.engine_table import engine_rows
    from retinaface.records.find import find_runs

    runs, _ = find_runs(folders)
    rows = engine_rows(runs)
    if not rows:
        raise click.UsageError(
            "these records have no engine; name the folders that validate --record wrote"
        )
    return EngineList(engines=rows)
