"""The command `retinaface detect`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import PATH, engine_option, finite, model_options, pipeline_option
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command
from retinaface.telling.words import count

if TYPE_CHECKING:
    from retinaface.cli.answers.accuracy import Detected, FoundFaces
    from retinaface.detection.detections import Detections
    from retinaface.detection.pipelines import Pipeline
    from retinaface.engines.base import Engine
    from retinaface.typing import Scores


def _show(answer: Detected, printer: Printer) -> None:
    for image in answer.images:
        shown = click.format_filename(image.image)  # a name need not be UTF-8
        printer.line(f"{shown}: {count(len(image.scores), 'face')}")
        for box, score, points in zip(
            image.boxes_xyxy, image.scores, image.landmarks_xy, strict=True
        ):
            corners = " ".join(f"{value:7.1f}" for value in box)
            marks = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
            printer.say(f"  {score:.3f}  box {corners}  landmarks {marks}")
    printer.warnings(answer.warnings)
    printer.notes(answer.notes)


@click.command(cls=Command, no_args_is_help=True)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=PATH)
@engine_option(default="ort-cpu-fp32", show_default=True)
@pipeline_option(default="igie", show_default=True)
@click.option(
    "--score",
    type=click.FloatRange(0.02, 1.0),
    default=0.5,
    callback=finite,
    show_default=True,
    help="Show detections above this score.",
)
@click.option(
    "--draw", type=PATH, metavar="DIR", help="Draw the detections on the images, in a new folder."
)
@model_options
@answering(_show)
def detect(
    images: tuple[Path, ...],
    engine: str,
    pipeline: str,
    score: float,
    draw: Path | None,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
    threads: int | None,
    options: dict[str, str],
) -> Detected:
    """Find faces in images: boxes, scores, landmarks.

    \b
    retinaface detect group.jpg --draw pictures/
    retinaface detect *.jpg --score 0.3 --json faces.json

    If the published checkpoint is not on this machine, pictures of the embedded set run with the
    embedded weights (retinaface assets path embedded prints their folder). These weights know only
    generated faces, so your own pictures need an explicit --weights embedded.
    """
    from retinaface.cli.answers.accuracy import Detected
    from retinaface.cli.evaluation_record import unknown_words
    from retinaface.detection.images import read_image
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine
    from retinaface.engines.origin import checkpoint_of
    from retinaface.widerface.plausibility import no_face

    _check_outputs(images, draw)
    weights, notes = _weights(images, weights, has_files=bool(model or engine_file))
    sizes = {str(path): read_image(path).shape for path in images}  # check all before any runs
    recipe = PIPELINES[pipeline]
    with open_engine(
        engine,
        model=model,
        engine_file=engine_file,
        weights=weights,
        scores=scores,
        max_batch=1,
        input_size_px=recipe.input_size_px,
        threads=threads,
        shares_cpus=True,
        options=options,
    ) as runner:
        checkpoint = checkpoint_of(runner)
        notes += [*runner.spec.model_notes, *(checkpoint.notes if checkpoint else ())]
        found = _run(runner, recipe, images, score)
    if draw is not None:
        _draw(found, draw)
    warnings: list[str] = []
    if not any(len(detections.scores) for detections in found.values()):
        unknown = unknown_words(checkpoint)
        (warnings if unknown else notes).append(f"{no_face(len(found), score)}{unknown}")
    return Detected(
        engine=engine,
        pipeline=pipeline,
        score_above=score,
        images=[_faces(name, sizes[name], d) for name, d in found.items()],
        pictures=None if draw is None else str(draw),
        notes=notes,
        warnings=warnings,
    )


def _check_outputs(images: Sequence[Path], draw: Path | None) -> None:
    from retinaface.files import check_output_dir

    if draw is not None:
        check_output_dir(draw)
        _check_names("--draw names pictures by image", [path.stem for path in images])
    _check_names("results are named by image", [str(path) for path in images])


def _run(
    engine: Engine, pipeline: Pipeline, images: Sequence[Path], score: float
) -> dict[str, Detections]:
    """Detect faces above a score, image by image; stop at the first bad image."""
    from retinaface.detection.detector import detect as run
    from retinaface.errors import ImageError

    found = {}
    names = [str(path) for path in images]
    for name, result in run(engine, pipeline, names, _read, batch_size=1):
        if isinstance(result, ImageError):
            raise result
        found[name] = result.above(score)
    return found


def _weights(
    images: tuple[Path, ...], asked: str | None, *, has_files: bool
) -> tuple[str | None, list[str]]:
    """Choose the given weights; else, with a note, the embedded ones, for embedded pictures."""
    from retinaface.assets import CHECKPOINT, EMBEDDED, find_asset, get_asset, mirror_dir
    from retinaface.embedded import is_embedded_picture

    if asked is not None or has_files or mirror_dir() is not None:
        return asked, []
    if find_asset(get_asset(CHECKPOINT)) is not None:
        return None, []
    if not all(path.is_file() and is_embedded_picture(_read(str(path))) for path in images):
        return None, []
    note = f"using the weights of the embedded set; {CHECKPOINT} is not on this machine"
    return EMBEDDED, [note]


def _read(name: str) -> bytes:
    from retinaface.detection.image_folders import MAX_IMAGE_BYTES
    from retinaface.errors import ImageError
    from retinaface.files import read_bounded

    return read_bounded(Path(name), MAX_IMAGE_BYTES, ImageError)


def _check_names(reason: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise click.UsageError(f"{reason}, but {twice[0]} is given twice; run one at a time")


def _faces(name: str, shape: tuple[int, ...], detections: Detections) -> FoundFaces:
    from retinaface.cli.answers.accuracy import FoundFaces

    return FoundFaces(
        image=name,
        width=shape[1],
        height=shape[0],
        boxes_xyxy=detections.boxes_xyxy.tolist(),
        scores=detections.scores.tolist(),
        landmarks_xy=detections.landmarks_xy.tolist(),
    )


def _draw(found: dict[str, Detections], draw: Path) -> None:
    """Draw detections on their images; all pictures appear once they are complete."""
    from retinaface.detection.drawing import draw_detections, encode_picture
    from retinaface.detection.images import read_image
    from retinaface.files import new_dir

    with new_dir(draw) as folder:
        for name, detections in found.items():
            picture = encode_picture(draw_detections(read_image(Path(name)), detections), name)
            (folder / f"{Path(name).stem}.jpg").write_bytes(picture)
