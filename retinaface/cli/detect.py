"""`retinaface detect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import PATH, engine_option, model_options, pipeline_option

if TYPE_CHECKING:
    from retinaface.detector import Detections


@click.command(no_args_is_help=True)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=PATH)
@engine_option(default="ort-cpu-fp32", show_default=True)
@pipeline_option(default="igie", show_default=True)
@click.option(
    "--score",
    type=click.FloatRange(0.02, 1.0),
    default=0.5,
    show_default=True,
    help="Show detections above this score.",
)
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write detections as JSON.")
@click.option("--draw", type=PATH, metavar="DIR", help="Draw pictures into a new folder.")
@model_options
def detect(
    images: tuple[Path, ...],
    engine: str,
    pipeline: str,
    score: float,
    json_file: Path | None,
    draw: Path | None,
    model: Path | None,
    weights: str | None,
    threads: int | None,
) -> None:
    """Find faces in images: boxes, scores, landmarks.

    \b
    retinaface detect group.jpg --draw pictures/
    retinaface detect *.jpg --score 0.3 --json faces.json
    """
    from retinaface.detector import detect as run
    from retinaface.engines import open_engine
    from retinaface.errors import ImageError
    from retinaface.files import check_output_dir, new_file
    from retinaface.images import read_image
    from retinaface.pipelines import PIPELINES

    recipe = PIPELINES[pipeline]
    if draw is not None:
        check_output_dir(draw)
        _check_stems(images)
    sizes = {str(path): read_image(path).shape for path in images}  # all good before any runs
    found: dict[str, Detections] = {}
    with open_engine(
        engine,
        model=model,
        weights=weights,
        max_batch=1,
        input_size_px=recipe.input_size_px,
        threads=threads,
    ) as runner:
        names = [str(path) for path in images]
        for name, result in run(runner, recipe, names, _read, batch_size=1):
            if isinstance(result, ImageError):
                raise result
            found[name] = result.above(score)
    if draw is not None:
        _draw(draw, images, found)
    if json_file is not None:
        content = {
            "engine": engine,
            "pipeline": pipeline,
            "score_above": score,
            "images": [_as_json(name, sizes[name], d) for name, d in found.items()],
        }
        with new_file(json_file) as file:
            file.write_text(json.dumps(content, indent=2) + "\n")
    for name, detections in found.items():
        _print(name, detections)


def _read(name: str) -> bytes:
    return Path(name).read_bytes()


def _check_stems(images: tuple[Path, ...]) -> None:
    stems = [path.stem for path in images]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise click.UsageError(
            f"--draw names pictures by image, and {twice[0]} is given twice; draw them apart"
        )


def _print(name: str, detections: Detections) -> None:
    n = len(detections.scores)
    click.echo(f"{name}: {n} face{'' if n == 1 else 's'}")
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


def _draw(folder: Path, images: tuple[Path, ...], found: dict[str, Detections]) -> None:
    import cv2

    from retinaface.drawing import draw_detections
    from retinaface.files import new_dir
    from retinaface.images import read_image

    with new_dir(folder) as temporary:
        for path in images:
            picture = draw_detections(read_image(path), found[str(path)])
            cv2.imwrite(str(temporary / f"{path.stem}.jpg"), picture)
