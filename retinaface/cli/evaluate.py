"""The command `retinaface evaluate`, for WIDER FACE AP of an engine."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.answers.of_evaluation import evaluation_answer, show
from retinaface.cli.evaluation_record import (
    Selected,
    check_outputs,
    name_part,
    unknown_words,
    write_evaluation,
)
from retinaface.cli.options import (
    LOCATION,
    MAX_BATCH,
    PATH,
    SCORING_NAMES,
    engine_option,
    ground_truth_option,
    model_options,
    pipeline_option,
    scheduler_options,
    widerface_options,
)
from retinaface.cli.output.options import answering
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from msgspec import UnsetType

    from retinaface.cli.answers.accuracy import ClusterRun, Evaluated
    from retinaface.cli.spread import Runner
    from retinaface.cluster.tally import Figures
    from retinaface.storage.location import Location
    from retinaface.suite.sources import DataChoice, Sources
    from retinaface.typing import Scores
    from retinaface.widerface.evaluation import Evaluation


@click.command(cls=Command, no_args_is_help=True)
@pipeline_option(required=True)
@engine_option(required=True)
@widerface_options
@ground_truth_option
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
    help="Write detections in the official text format into a new folder; for a part of the set "
    "also the list of its images, for `retinaface score`.",
)
@click.option(
    "--output",
    type=LOCATION,
    metavar="RUN_DIR|URL",
    help="Write record.json and detections.npz into a new folder.",
)
@click.option(
    "--skip-bad-images",
    is_flag=True,
    help="Count an image that does not decode as one with all faces missed, and list it.",
)
@click.option(
    "--scoring",
    type=click.Choice(SCORING_NAMES),
    default="official",
    show_default=True,
    help="'ixrt' leaves out the last incomplete batch, as the published ixRT figures do; it is not "
    "WIDER FACE AP, and the result is labelled.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the same evaluation, where it was killed: images that were finished are "
    "compared with what they were, and not run again.",
)
@scheduler_options
@model_options
@answering(show)
def evaluate(
    pipeline: str,
    engine: str,
    widerface: Location | None,
    subset: str | None,
    ground_truth: Location | None,
    batch: int | None,
    limit: int | None,
    predictions: Path | None,
    output: Location | None,
    skip_bad_images: bool,
    scoring: str,
    resume: bool,
    scheduler: str | None,
    resources: dict[str, float],
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
    threads: int | None,
    options: dict[str, str],
) -> Evaluated:
    """Measure WIDER FACE AP of an engine.

    \b
    retinaface evaluate --pipeline igie --engine ort-cpu-fp32 --widerface DIR
    retinaface evaluate --pipeline igie --engine ort-cpu-fp32 --widerface DIR --subset every-8
    retinaface evaluate --pipeline igie --engine ort-cpu-fp32 --scheduler tcp://HOST:8786
    """
    from retinaface.cli.spread import check_resources, open_runner
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.catalogue import find_engine
    from retinaface.suite.sources import choose_sources

    check_resources(scheduler, resources)
    if resume and scheduler is not None:
        raise click.UsageError("--resume is of an evaluation on this machine, without --scheduler")
    check_outputs(predictions, output, model)
    find_engine(engine)
    recipe = PIPELINES[pipeline]
    has_files = bool(model or engine_file)
    sources = choose_sources(weights, widerface, has_files=has_files, ground_truth=ground_truth)
    notes = _check_sources(sources, model or engine_file)
    batch_size = batch or recipe.batch_size
    settings = {
        "pipeline": pipeline,
        "batch": batch_size,
        "subset": subset,
        "limit": limit,
        "scoring": scoring,
        "embedded": sources.data.is_embedded,
        "skip_bad_images": skip_bad_images,
        "keeps_detections": predictions is not None or output is not None,
    }
    selected = _select(sources.data, settings)
    runner = functools.partial(
        open_runner,
        engine,
        scheduler,
        resources,
        selected,
        settings,
        model=model,
        engine_file=engine_file,
        weights=sources.weights.source,
        scores=scores,
        max_batch=batch_size,
        input_size_px=recipe.input_size_px,
        threads=threads,
        shares_cpus=True,
        options=options,
    )
    result, found, cluster = _run(runner, selected, settings, predictions, output, resumes=resume)
    notes += [*found, *selected.notes]
    return evaluation_answer(
        engine, settings, result, notes, cluster=cluster, predictions=predictions, record=output
    )


def _check_sources(sources: Sources, file: Path | None) -> list[str]:
    """Refuse the user's weights without the user's images; give a note if both are embedded."""
    from retinaface.errors import DatasetError

    has_own = file is not None or not sources.weights.is_embedded
    if sources.data.is_embedded and has_own and not sources.data.is_named:
        raise DatasetError(
            f"AP of {file or sources.weights.description} needs images: WIDER FACE is not on this "
            "machine; name a folder with --widerface, or run: retinaface assets fetch"
        )
    return [sources.note] if sources.note else []


def _select(data: DataChoice, settings: Mapping[str, Any]) -> Selected:
    from retinaface.widerface.scoring import coverage_note, scored_selection

    dataset = data.open()
    truth, label = scored_selection(
        dataset.select(settings["subset"], settings["limit"]),
        settings["scoring"],
        batch_size=settings["batch"],
    )
    notes = [coverage_note(truth), *([label] if label else []), *dataset.notes]
    if settings["pipeline"] == "ixrt" and label is None:
        notes.append("official scoring; the published ixRT figures need --scoring ixrt")
    return Selected(dataset, truth, notes, label or "")


def _run(
    open_runner: Callable[[], AbstractContextManager[Runner]],
    selected: Selected,
    settings: Mapping[str, Any],
    predictions: Path | None,
    output: Location | None,
    *,
    resumes: bool,
) -> tuple[Evaluation | Figures, list[str], ClusterRun | UnsetType]:
    """Evaluate, and give notes on the model; both folders appear once both are complete."""
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.origin import checkpoint_of
    from retinaface.records.evaluated import trace_a_few
    from retinaface.storage.writing import new_folders
    from retinaface.widerface.evaluation import Evaluation

    recipe, dataset = PIPELINES[settings["pipeline"]], selected.dataset
    with contextlib.ExitStack() as stack:
        runner = stack.enter_context(open_runner())
        engine = runner.engine
        checkpoint = checkpoint_of(engine)
        notes = [*engine.spec.model_notes, *(checkpoint.notes if checkpoint else ())]
        parts = stack.enter_context(runner.parts(resumes=resumes))
        record_dir, texts_dir = stack.enter_context(new_folders(output, predictions))
        result = runner.evaluate(texts_dir, parts)
        notes += [parts.problem] if parts is not None and parts.problem else []
        selected.notes.extend(runner.notes())
        name_part(texts_dir, selected)
        if record_dir is not None and isinstance(result, Evaluation):
            traced = trace_a_few(engine, recipe, dataset, result)
            write_evaluation(record_dir, engine, selected, result, traced, settings)
        cluster = runner.cluster(result)
    if result.warning:
        result = replace(result, warning=result.warning + unknown_words(checkpoint))
    return result, notes, cluster
