"""`retinaface evaluate`: WIDER FACE AP of an engine."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import (
    MAX_BATCH,
    PATH,
    SCORING_NAMES,
    engine_option,
    model_options,
    pipeline_option,
    widerface_options,
)

if TYPE_CHECKING:
    from retinaface.engines.base import Engine
    from retinaface.records.traced_images import ImageStages
    from retinaface.widerface.evaluation import Evaluation
    from retinaface.widerface.ground_truth import GroundTruth


@click.command(no_args_is_help=True)
@pipeline_option(required=True)
@engine_option(required=True)
@widerface_options
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    metavar="N",
    help="Most images in one call.  [default: the pipeline's own: 32, or 1 for upstream]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N images.")
@click.option(
    "--predictions",
    type=PATH,
    metavar="OUT_DIR",
    help="Write detections in the official text format into a new folder.",
)
@click.option(
    "--output", type=PATH, metavar="RUN_DIR", help="Write record.json and detections.npz there."
)
@click.option(
    "--skip-bad-images",
    is_flag=True,
    help="Count images that do not decode as images with all faces missed, and list them.",
)
@click.option(
    "--scoring",
    type=click.Choice(SCORING_NAMES),
    default="official",
    show_default=True,
    help="'ixrt' leaves out the last incomplete batch, as the published ixRT figures do; it is not "
    "WIDER FACE AP, and the result is labelled.",
)
@model_options
def evaluate(
    pipeline: str,
    engine: str,
    widerface: Path | None,
    subset: str | None,
    batch: int | None,
    limit: int | None,
    predictions: Path | None,
    output: Path | None,
    skip_bad_images: bool,
    scoring: str,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    threads: int | None,
    options: dict[str, str],
) -> None:
    """Measure WIDER FACE AP of an engine.

    \b
    retinaface evaluate --pipeline igie --engine ort-cpu-fp32 --widerface DIR
    retinaface evaluate --pipeline igie --engine ort-cpu-fp32 --widerface DIR --subset every-8
    """
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.errors import DatasetError
    from retinaface.files import new_dir
    from retinaface.records.traced_images import spread, trace
    from retinaface.suite.sources import choose_sources
    from retinaface.widerface.dataset import open_widerface
    from retinaface.widerface.evaluation import evaluate as run
    from retinaface.widerface.scoring import coverage_note, scored_selection

    _check_outputs(predictions, output)
    find_engine(engine)
    recipe = PIPELINES[pipeline]
    batch_size = batch or recipe.batch_size
    sources = choose_sources(weights, widerface, has_files=bool(model or engine_file))
    has_own = bool(model or engine_file) or not sources.weights.is_embedded
    if sources.data.is_embedded and has_own and not sources.data.is_named:
        judged = model or engine_file or sources.weights.description
        raise DatasetError(
            f"AP of {judged} needs images: WIDER FACE is not on this machine; "
            "name a folder with --widerface, or run: retinaface assets fetch"
        )
    if sources.note:
        click.echo(f"note: {sources.note}", err=True)
    dataset = open_widerface(sources.data.root)
    selection = dataset.select(subset, limit)
    truth, label = scored_selection(selection, scoring, batch_size=batch_size)
    with contextlib.ExitStack() as stack:  # both folders appear when both are complete
        runner = stack.enter_context(
            open_engine(
                engine,
                model=model,
                engine_file=engine_file,
                weights=sources.weights.source,
                max_batch=batch_size,
                input_size_px=recipe.input_size_px,
                threads=threads,
                shares_cpus=True,
                options=options,
            )
        )
        record_dir = stack.enter_context(new_dir(output)) if output else None
        texts_dir = stack.enter_context(new_dir(predictions)) if predictions else None
        result = run(
            runner,
            recipe,
            dataset,
            truth,
            batch_size=batch_size,
            skip_bad_images=skip_bad_images,
            predictions_dir=texts_dir,
            progress=True,
        )
        notes = [coverage_note(truth, subset), *([label] if label else []), *dataset.notes]
        if pipeline == "ixrt" and label is None:
            notes.append("official scoring; the published ixRT figures were made as --scoring ixrt")
        if record_dir is not None:
            settings = {
                "pipeline": pipeline,
                "batch": batch_size,
                "subset": subset,
                "limit": limit,
                "scoring": scoring,
                "embedded": sources.data.is_embedded,
            }
            names = spread(tuple(result.detections))
            traced = trace(runner, recipe, {name: dataset.read_bytes(name) for name in names})
            _write(record_dir, runner, truth, result, traced, settings, notes)
    _print(runner, result, settings=f"{pipeline}, batch {batch_size}", notes=notes)
    for kind, folder in (("predictions", predictions), ("record", output)):
        if folder is not None:
            click.echo(f"{kind}: {folder}")


def _check_outputs(predictions: Path | None, output: Path | None) -> None:
    from retinaface.files import check_output_dir

    for folder in (predictions, output):
        if folder is not None:
            check_output_dir(folder)
    if predictions is not None and output is not None:
        one, other = predictions.resolve(), output.resolve()
        if one == other or one in other.parents or other in one.parents:
            raise click.UsageError(
                "--output and --predictions name the same folder or one inside the other; name two"
            )


def _print(engine: Engine, result: Evaluation, settings: str, notes: list[str]) -> None:
    from retinaface.cli.tables import print_ap

    print_ap(f"{engine.spec.name}, {settings}", result.ap)
    for note in notes:
        click.echo(f"note: {note}")
    n = len(result.images)
    click.echo(
        f"{n} images in {result.detect_s:.1f} s ({n / result.detect_s:.0f} images/s, reading to "
        "detections)"
    )
    for message in result.bad_images.values():
        click.echo(f"bad image, all faces counted as missed: {message}")


def _write(
    folder: Path,
    engine: Engine,
    truth: GroundTruth,
    result: Evaluation,
    traced: list[ImageStages],
    settings: dict[str, Any],
    notes: list[str],
) -> None:
    from retinaface.records.result_id import ResultId
    from retinaface.records.write import Kept, images_sha256, new_record, write_record

    result_id = str(ResultId(engine.spec.name, settings["pipeline"], settings["batch"]))
    record = new_record() | {
        "ap": result.ap,
        "coverage": {
            "n_images": len(truth.images),
            "n_images_total": truth.n_images_total,
            "subset": settings["subset"],
            "limit": settings["limit"],
            "image_files_sha256": images_sha256(result.image_sha256),
            "ground_truth_sha256": dict(truth.sha256),
            "bad_images": result.bad_images,
            "embedded": settings["embedded"],
            "notes": notes,
        },
        "results": [
            {
                "id": result_id,
                "engine": engine.describe(),
                "pipeline": settings["pipeline"],
                "precision": engine.spec.precision,
                "batch": settings["batch"],
                "scoring": settings["scoring"],
                "ap": result.ap,
                "n_images": len(truth.images),
                "image_files_sha256": images_sha256(result.image_sha256),
                "n_detections": sum(len(d.scores) for d in result.detections.values()),
                "detect_s": result.detect_s,
            }
        ],
    }
    kept = Kept(result.detections, result.counts, result.images, traced, engine.spec.model)
    write_record(folder, record, {result_id: kept})
