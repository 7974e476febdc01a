"""The command `retinaface detect`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import PATH, engine_option, finite, model_options, pipeline_option
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.detection.detections import Detections
    from retinaface.detection.pipelines import Pipeline
    from retinaface.engines.base import Engine
    from retinaface.typing import Scores


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
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write detections as JSON.")
@click.option(
    "--draw", type=PATH, metavar="DIR", help="Draw the detections on the images, in a new folder."
)
@model_options
def detect(
    images: tuple[Path, ...],
    engine: str,
    pipeline: str,
    score: float,
    json_file: Path | None,
    draw: Path | None,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
    threads: int | None,
    options: dict[str, str],
) -> None:
    """Find faces in images: boxes, scores, landmarks.

    \b
    retinaface detect group.jpg --draw pictures/
    retinaface detect *.jpg --score 0.3 --json faces.json

    If the published checkpoint is not on this machine, pictures of the embedded set run with the
    embedded weights (retinaface assets path embedded prints their folder). These weights know only
    generated faces, so your own pictures need an explicit --weights embedded.
    """
    from retinaface.cli.output import print_notes, unknown_words
    from retinaface.detection.images import read_image
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine
    from retinaface.engines.origin import checkpoint_of
    from retinaface.widerface.plausibility import no_face

    _check_outputs(images, draw, json_file)
    weights = _weights(images, weights, has_files=bool(model or engine_file))
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
        print_notes([*runner.spec.model_notes, *(checkpoint.notes if checkpoint else ())])
        found = _run(runner, recipe, images, score)
    content = {
        "engine": engine,
        "pipeline": pipeline,
        "score_above": score,
        "images": [_as_json(name, sizes[name], d) for name, d in found.items()],
    }
    _write(found, draw, json_file, content)
    for name, detections in found.items():
        _print(name, detections)
    if not any(len(detections.scores) for detections in found.values()):
        unknown = unknown_words(checkpoint)
        click.echo(f"{'warning' if unknown else 'note'}: {no_face(len(found), score)}{unknown}")


def _check_outputs(images: Sequence[Path], draw: Path | None, json_file: Path | None) -> None:
    from retinaface.files import check_output_dir, check_output_file

    if draw is not None:
        check_output_dir(draw)
        _check_names("--draw names pictures by image", [path.stem for path in images])
    if json_file is not None:
        check_output_file(json_file)
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


def _weights(images: tuple[Path, ...], asked: str | None, *, has_files: bool) -> str | None:
    """Choose the given weights; else the embedded ones, if there are only embedded pictures."""
    from retinaface.assets import CHECKPOINT, EMBEDDED, find_asset, get_asset, mirror_dir
    from retinaface.embedded import is_embedded_picture

    if asked is not None or has_files or mirror_dir() is not None:
        return asked
    if find_asset(get_asset(CHECKPOINT)) is not None:
        return None
    if not all(path.is_file() and is_embedded_picture(path.read_bytes()) for path in images):
        return None
    click.echo(
        f"note: using the weights of the embedded set; {CHECKPOINT} is not on this machine",
        err=True,
    )
    return EMBEDDED


def _read(name: str) -> bytes:
    return Path(name).read_bytes()


def _check_names(reason: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise click.UsageError(f"{reason}, but {twice[0]} is given twice; run one at a time")


def _print(name: str, detections: Detections) -> None:
    n = len(detections.scores)
    shown = click.format_filename(name)  # a name need not be UTF-8
    click.echo(f"{shown}: {n} face{'' if n == 1 else 's'}")
    for box, score, points in zip(
        detections.boxes_xyxy, detections.scores, detections.landmarks_xy, strict=True
    ):
        corners = " ".join(f"{value:7.1f}" for value in box)
        marks = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        click.echo(f"  {score:.3f}  box {corners}  landmarks {marks}")


def _as_json(name: str, shape: tuple[int, ...], detections: Detections) -> dict[str, Any]:
    return {
        "image": name,
        "width": shape[1],
        "height": shape[0],
        "boxes_xyxy": detections.boxes_xyxy.tolist(),
        "scores": detections.scores.tolist(),
        "landmarks_xy": detections.landmarks_xy.tolist(),
    }


def _write(
    found: dict[str, Detections],
    draw: Path | None,
    json_file: Path | None,
    content: dict[str, Any],
) -> None:
    """Write pictures and JSON; both appear once both are complete."""
    from retinaface.detection.drawing import draw_detections, encode_picture
    from retinaface.detection.images import read_image
    from retinaface.files import new_dir, new_file

    with contextlib.ExitStack() as stack:
        if draw is not None:
            folder = stack.enter_context(new_dir(draw))
            for name, detections in found.items():
                picture = encode_picture(draw_detections(read_image(Path(name)), detections), name)
                (folder / f"{Path(name).stem}.jpg").write_bytes(picture)
        if json_file is not None:
            file = stack.enter_context(new_file(json_file))
            file.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
