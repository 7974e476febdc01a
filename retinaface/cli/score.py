"""The command `retinaface score`, for AP of any detector's predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import (
    LOCATION,
    PATH,
    SCORING_NAMES,
    ground_truth_option,
    widerface_options,
)
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.cli.answers.accuracy import Scored
    from retinaface.storage.location import Location


def _show(answer: Scored, printer: Printer) -> None:
    printer.ap(answer.predictions, answer.ap)
    printer.warnings(answer.warnings)
    printer.notes(answer.notes)
    if answer.record is not None:
        printer.aside(f"record: {answer.record}")


@click.command(cls=Command, no_args_is_help=True)
@click.argument("predictions", type=PATH)
@widerface_options
@ground_truth_option
@click.option(
    "--record", type=LOCATION, metavar="RUN_DIR|URL", help="Write record.json into a new folder."
)
@click.option(
    "--scoring",
    type=click.Choice(SCORING_NAMES),
    default="official",
    show_default=True,
    help="'ixrt' skips images without a prediction file, as the vendor's ixRT evaluator does; it "
    "is not WIDER FACE AP, and the result is labelled.",
)
@answering(_show)
def score(
    predictions: Path,
    widerface: Location | None,
    subset: str | None,
    ground_truth: Location | None,
    record: Location | None,
    scoring: str,
) -> Scored:
    """Compute AP of predictions that any detector made.

    PREDICTIONS, a folder or zip, has a file <event>/<name>.txt for each image, in the official
    format; what other tools write otherwise is read with a note, or refused with what to do. An
    image without a file counts as one with all faces missed; of a part that `evaluate` ran, only
    the images that it ran count. The command needs the ground truth, not the images.

    \b
    retinaface score predictions.zip --widerface DIR
    retinaface score predictions --ground-truth DIR --record RUN
    """
    from retinaface.cli.answers.accuracy import Scored
    from retinaface.cli.evaluation_record import write_score
    from retinaface.storage.writing import check_new, new_folder
    from retinaface.suite.sources import named_root
    from retinaface.widerface.ground_truth_files import read_truth
    from retinaface.widerface.scoring import score_files

    if record is not None:
        check_new(record)
    own = ground_truth if widerface is None else None
    truth, notes = read_truth(own or named_root(widerface, images=False), ground_truth)
    result = score_files(predictions, truth, subset=subset, scoring=scoring, notes=notes)
    settings = {"subset": subset, "scoring": scoring}
    if record is not None:
        with new_folder(record) as folder:
            write_score(folder, result, settings)
    return Scored(
        ap=result.ap,
        predictions=str(predictions),
        subset=subset,
        scoring=scoring,
        n_images=result.n_images,
        n_images_total=result.truth.n_images_total,
        n_detections=result.n_detections,
        missing=result.missing,
        notes=result.notes,
        warnings=result.warnings,
        record=None if record is None else str(record),
    )
