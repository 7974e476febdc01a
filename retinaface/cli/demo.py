"""`retinaface demo`: the main job once, on what this machine has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import PATH

if TYPE_CHECKING:
    from retinaface.ground_truth import GroundTruth
    from retinaface.weights import LoadedModel
    from retinaface.widerface import WiderFace

_PIPELINE = "igie"
_SUBSET = "every-8"
_N_PICTURES = 4
# Lightest first; FP16 in torch is slow on a CPU, and is there as the emulator of true FP16.
_ENGINES = ("ort-cpu-fp32", "ort-cpu-fp16", "torch-cpu-fp16")


@dataclass
class _Missing:
    """What the demo did without, and the command that gets it."""

    lines: list[str] = field(default_factory=list)

    def add(self, what: str, command: str) -> None:
        self.lines.append(f"{what}; to get it: {command}")


@click.command()
@click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="New folder for the exported files and the pictures.  [default: runs/demo-<time>]",
)
@click.option(
    "--weights",
    metavar="FILE|synthetic",
    help="Checkpoint.  [default: the published checkpoint; synthetic weights where it can neither "
    "be found nor fetched]",
)
@click.option(
    "--widerface",
    type=PATH,
    metavar="DIR",
    help="WIDER FACE validation set.  [default: where RETINAFACE_ASSETS or the cache has it]",
)
def demo(output: Path | None, weights: str | None, widerface: Path | None) -> None:
    """The whole path once: export, fidelity, detection, and AP if the data is here.

    Without checkpoint and network it runs on synthetic weights and generated pictures, and says so.
    """
    from datetime import datetime

    from retinaface.files import new_dir

    folder = output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    missing = _Missing()
    loaded = _load(weights, missing)
    found = _find_dataset(widerface, missing)
    with new_dir(folder) as temporary:
        models = _export(loaded, temporary)
        _fidelity(loaded, models)
        _detect(loaded, models["fp32"], found, temporary / "pictures")
        if found is not None:
            _accuracy(models, *found, synthetic=loaded.source == "synthetic")
    click.echo(f"\nExported files and pictures are in {folder}")
    for line in missing.lines:
        click.echo(f"Missing: {line}")


def _load(weights: str | None, missing: _Missing) -> LoadedModel:
    from retinaface.assets import CHECKPOINT, find_asset, get_asset
    from retinaface.errors import AssetError, ExportError

    try:
        from retinaface.weights import load_model
    except ImportError as error:
        raise ExportError(
            f"the demo exports, which needs {error.name}; install the extra 'export'"
        ) from error
    if weights is None:
        find_asset(get_asset(CHECKPOINT))  # a wrong hash is an error, not a reason to go without
    try:
        loaded = load_model(weights, progress=True)
    except AssetError as error:
        if weights is not None:
            raise
        click.echo(f"The published checkpoint is not available: {error}\n")
        click.secho("Running on SYNTHETIC weights, which find no faces.", bold=True)
        missing.add("the published checkpoint", "retinaface assets fetch mobilenet0.25_Final.pth")
        return load_model("synthetic")
    click.echo(f"Weights: {loaded.source} (sha256 {loaded.sha256[:16]})")
    return loaded


def _find_dataset(
    widerface: Path | None, missing: _Missing
) -> tuple[WiderFace, GroundTruth] | None:
    from retinaface.errors import AssetError, DatasetError
    from retinaface.widerface import default_root, open_widerface

    if widerface is not None:
        dataset = open_widerface(widerface)
        return dataset, dataset.select(_SUBSET)
    try:
        dataset = open_widerface(default_root())
        return dataset, dataset.select(_SUBSET)
    except (AssetError, DatasetError) as error:
        missing.add(f"AP ({error})", "retinaface assets fetch")
        return None


def _export(loaded: LoadedModel, folder: Path) -> dict[str, Path]:
    from retinaface.export import export
    from retinaface.export_options import ExportOptions

    click.secho("\nExport", bold=True)
    models = {}
    for precision in ("fp32", "fp16"):
        path = folder / f"retinaface.{precision}.onnx"
        manifest = export(loaded, ExportOptions(precision=precision), path)
        click.echo(
            f"  {path.name}: opset {manifest['options']['opset']}, IR {manifest['ir_version']}, "
            f"{sum(manifest['operators'].values())} nodes, {path.stat().st_size / 1e6:.2f} MB"
        )
        models[precision] = path
    return models


def _fidelity(loaded: LoadedModel, models: dict[str, Path]) -> None:
    import numpy as np

    from retinaface.cli.tables import print_table
    from retinaface.config import OUTPUT_NAMES
    from retinaface.engines import find_engine, open_engine
    from retinaface.export_options import sidecars
    from retinaface.fidelity import output_errors
    from retinaface.reference import load_reference

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
        # NumPy's max, because Python's passes over a NaN.
        worst = {n: np.max([e.max_abs for e in errors if e.output == n]) for n in OUTPUT_NAMES}
        rows.append([engine, *(f"{worst[name]:.1e}" for name in OUTPUT_NAMES)])
    click.secho("\nFidelity: largest absolute error against float64 torch", bold=True)
    click.echo(f"over {len(cases)} inputs: {', '.join(case.name for case in cases)}")
    print_table(["engine", *OUTPUT_NAMES], rows, right=[1, 2, 3])


def _detect(
    loaded: LoadedModel,
    model: Path,
    data: tuple[WiderFace, GroundTruth] | None,
    folder: Path,
) -> None:
    import cv2

    from retinaface.detections import Detections
    from retinaface.detector import detect as run
    from retinaface.drawing import draw_detections, encode_picture
    from retinaface.engines import open_engine
    from retinaface.images import decode_image
    from retinaface.pipelines import PIPELINES
    from retinaface.scenes import scene

    if data is None:
        encoded = {
            f"scene-{i}": cv2.imencode(".png", scene(480, 640, i))[1].tobytes()
            for i in range(_N_PICTURES)
        }
    else:
        dataset, truth = data
        images = truth.images[:: max(1, len(truth.images) // _N_PICTURES)][:_N_PICTURES]
        encoded = {image: dataset.read_bytes(image) for image in images}
    limit = 0.5 if loaded.source != "synthetic" else 0.1
    folder.mkdir()
    kind = "generated scenes" if data is None else "WIDER FACE images"
    click.secho(f"\nDetection on {kind}, score above {limit}", bold=True)
    with open_engine("ort-cpu-fp32", model=model) as engine:
        for name, found in run(engine, PIPELINES[_PIPELINE], encoded, encoded.__getitem__):
            if isinstance(found, Detections):
                shown = found.above(limit)
                click.echo(f"  {name}: {len(shown.scores)}")
                picture = draw_detections(decode_image(encoded[name], name), shown)
                target = folder / f"{name.rpartition('/')[2]}.jpg"
                target.write_bytes(encode_picture(picture, name))


def _accuracy(
    models: dict[str, Path], dataset: WiderFace, truth: GroundTruth, *, synthetic: bool
) -> None:
    from retinaface.cli.tables import print_ap
    from retinaface.engines import open_engine
    from retinaface.evaluation import coverage_note, evaluate
    from retinaface.pipelines import PIPELINES

    recipe = PIPELINES[_PIPELINE]
    with open_engine("ort-cpu-fp32", model=models["fp32"]) as engine:
        result = evaluate(
            engine, recipe, dataset, truth, batch_size=recipe.batch_size, progress=True
        )
    click.echo()
    print_ap(f"ort-cpu-fp32, {_PIPELINE}, batch {recipe.batch_size}", result.ap)
    click.echo(f"note: {coverage_note(truth, _SUBSET)}")
    if synthetic:
        click.echo("note: synthetic weights find no faces; this shows the path, not the model")
