"""The command `retinaface demo`, which runs the main steps once on what this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import PATH
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import PathOrWord

if TYPE_CHECKING:
    from retinaface.network.checkpoint import LoadedModel
    from retinaface.network.weights import WeightsChoice
    from retinaface.suite.sources import DataChoice
    from retinaface.widerface.dataset import WiderFace
    from retinaface.widerface.ground_truth import GroundTruth

_PIPELINE = "igie"
_SUBSET = "every-8"
_N_PICTURES = 4
_SCORE = 0.5
# Lightest first; FP16 in torch is slow on a CPU, and emulates true FP16.
_ENGINES = ("ort-cpu-fp32", "ort-cpu-fp16", "torch-cpu-fp16")


@click.command(cls=Command)
@click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="New folder for the exported files and the pictures.  [default: runs/demo-<time>]",
)
@click.option(
    "--weights",
    type=PathOrWord("embedded"),
    metavar="FILE|embedded",
    help="Checkpoint.  [default: the published one if it is here, else the embedded one]",
)
@click.option(
    "--widerface",
    type=PATH,
    metavar="DIR|embedded",
    help="WIDER FACE validation set.  [default: the one in RETINAFACE_ASSETS or the cache, else "
    "the embedded pictures]",
)
def demo(output: Path | None, weights: str | None, widerface: Path | None) -> None:
    """Run the whole path once: export, fidelity, detection, AP.

    If neither the published checkpoint nor WIDER FACE is on this machine, the demo runs on the
    embedded set, which ships with the package, and prints a note.
    """
    from datetime import datetime

    from retinaface.files import new_dir
    from retinaface.suite.sources import choose_sources

    sources = choose_sources(weights, widerface)
    folder = output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    if sources.note:
        click.echo(f"note: {sources.note}")
    loaded = _load(sources.weights)
    dataset, truth = _open(sources.data)
    with new_dir(folder) as temporary:
        models = _export(loaded, temporary)
        _fidelity(loaded, models)
        _detect(models["fp32"], dataset, truth, temporary / "pictures")
        if sources.data.is_embedded == sources.weights.is_embedded:
            _accuracy(models, dataset, truth)
        else:
            click.echo("\nAP: not computed, because weights and pictures do not belong together")
    click.echo(f"\nExported files and pictures are in {folder}")


def _load(weights: WeightsChoice) -> LoadedModel:
    from retinaface.cli.output import print_notes
    from retinaface.errors import ExportError

    try:
        from retinaface.network.checkpoint import load_model
    except ImportError as error:
        raise ExportError(
            f"the demo exports the network, which needs {error.name}; install the extra 'export'"
        ) from error
    click.echo(f"Weights: {weights.description} (sha256 {weights.sha256[:16]})")
    loaded = load_model(weights.source)
    print_notes(loaded.notes)
    return loaded


def _open(data: DataChoice) -> tuple[WiderFace, GroundTruth]:
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(data.root)
    return dataset, dataset.select(_subset(dataset))


def _subset(dataset: WiderFace) -> str | None:
    """Choose an eighth of the official set, which is enough for a demo; all of a smaller set."""
    from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES

    return _SUBSET if len(dataset.truth.images) == OFFICIAL_N_IMAGES else None


def _export(loaded: LoadedModel, folder: Path) -> dict[str, Path]:
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions

    click.secho("\nExport", bold=True)
    models = {}
    for precision in ("fp32", "fp16"):
        path = folder / f"retinaface.{precision}.onnx"
        manifest = export(loaded, ExportOptions(precision=precision), path)
        click.echo(
            f"  {path.name}: opset {manifest.options.opset}, IR {manifest.ir_version}, "
            f"{sum(manifest.operators.values())} nodes, {path.stat().st_size / 1e6:.2f} MB"
        )
        models[precision] = path
    return models


def _fidelity(loaded: LoadedModel, models: dict[str, Path]) -> None:
    import numpy as np

    from retinaface.checks.raw_outputs import output_errors
    from retinaface.cli.output import print_table
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.export.manifest import sidecars
    from retinaface.network.config import OUTPUT_NAMES
    from retinaface.reference.stored import load_reference

    cases = load_reference(sidecars(models["fp32"])[0])
    rows = []
    for engine in _ENGINES:
        entry = find_engine(engine)
        model = models[entry.precision] if entry.loads_onnx else None
        with open_engine(engine, model=model, weights=loaded.source, max_batch=1) as runner:
            precision = runner.spec.precision
            errors = [
                error
                for case in cases
                for error in output_errors(runner.infer(case.images), case, precision)
            ]
        # NumPy's max, because Python's ignores a NaN.
        worst = {n: np.max([e.max_abs for e in errors if e.output == n]) for n in OUTPUT_NAMES}
        rows.append([engine, *(f"{worst[name]:.1e}" for name in OUTPUT_NAMES)])
    click.secho("\nFidelity: largest absolute error, compared with float64 torch", bold=True)
    click.echo(f"over {len(cases)} inputs: {', '.join(case.name for case in cases)}")
    print_table(["engine", *OUTPUT_NAMES], rows, right=[1, 2, 3])


def _detect(model: Path, dataset: WiderFace, truth: GroundTruth, folder: Path) -> None:
    from retinaface.detection.detections import Detections
    from retinaface.detection.detector import detect as run
    from retinaface.detection.drawing import draw_detections, encode_picture
    from retinaface.detection.images import decode_image
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine

    images = truth.images[:: max(1, len(truth.images) // _N_PICTURES)][:_N_PICTURES]
    encoded = {image: dataset.read_bytes(image) for image in images}
    folder.mkdir()
    click.secho(f"\nDetection, score above {_SCORE}", bold=True)
    with open_engine("ort-cpu-fp32", model=model) as engine:
        for name, found in run(engine, PIPELINES[_PIPELINE], encoded, encoded.__getitem__):
            if isinstance(found, Detections):
                shown = found.above(_SCORE)
                click.echo(f"  {name}: {len(shown.scores)}")
                picture = draw_detections(decode_image(encoded[name], name), shown)
                target = folder / f"{name.rpartition('/')[2]}.jpg"
                target.write_bytes(encode_picture(picture, name))


def _accuracy(models: dict[str, Path], dataset: WiderFace, truth: GroundTruth) -> None:
    from retinaface.cli.output import print_ap
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine
    from retinaface.widerface.evaluation import evaluate
    from retinaface.widerface.scoring import coverage_note

    recipe = PIPELINES[_PIPELINE]
    with open_engine("ort-cpu-fp32", model=models["fp32"]) as engine:
        result = evaluate(
            engine, recipe, dataset, truth, batch_size=recipe.batch_size, progress=True
        )
    click.echo()
    print_ap(f"ort-cpu-fp32, {_PIPELINE}, batch {recipe.batch_size}", result.ap)
    click.echo(f"note: {coverage_note(truth)}")
    if result.warning:
        click.echo(f"warning: {result.warning}")
