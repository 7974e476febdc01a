"""The command `retinaface score`, for AP of any detector's predictions."""

from __future__ import annotations

from pathlib import Path

import click

from retinaface.cli.options import PATH, SCORING_NAMES, widerface_options
from retinaface.cli.output import write_json


@click.command(no_args_is_help=True)
@click.argument("predictions", type=PATH)
@widerface_options
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write the result as JSON.")
@click.option(
    "--scoring",
    type=click.Choice(SCORING_NAMES),
    default="official",
    show_default=True,
    help="'ixrt' skips images without a prediction file, as the vendor's ixRT evaluator does; it "
    "is not WIDER FACE AP, and the result is labelled.",
)
def score(
    predictions: Path,
    widerface: Path | None,
    subset: str | None,
    json_file: Path | None,
    scoring: str,
) -> None:
    """Compute AP of any detector's predictions, from a folder or zip.

    PREDICTIONS has a file <event>/<name>.txt for each image, in the official format. An image
    without one counts as one with all faces missed. The command needs the ground truth, not the
    images.

    \b
    retinaface score predictions.zip --widerface DIR
    """
    from retinaface.cli.output import print_ap
    from retinaface.files import check_output_file
    from retinaface.suite.sources import named_root
    from retinaface.widerface.ground_truth_files import load_ground_truth
    from retinaface.widerface.predictions import read_predictions
    from retinaface.widerface.scoring import score_predictions

    if json_file is not None:
        check_output_file(json_file)
    truth, truth_notes = load_ground_truth(named_root(widerface, images=False))
    result = score_predictions(read_predictions(predictions), truth, subset=subset, scoring=scoring)
    notes = [*result.notes, *truth_notes]
    if json_file is not None:
        content = {
            "ap": result.ap,
            "predictions": str(predictions),
            "scoring": scoring,
            "subset": subset,
            "n_images": result.n_images,
            "n_images_total": truth.n_images_total,
            "n_detections": result.n_detections,
            "missing": result.missing,
            "notes": notes,
            "warnings": result.warnings,
        }
        write_json(json_file, content)
    print_ap(str(predictions), result.ap)
    for warning in result.warnings:
        click.echo(f"warning: {warning}")
    for note in notes:
        click.echo(f"note: {note}")
