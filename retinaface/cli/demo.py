"""The command `retinaface demo`, which runs the main steps once on what this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import PATH
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import PathOrWord
from retinaface.telling.work import working

if TYPE_CHECKING:
    from retinaface.cli.answers.accuracy import Demo, DemoAp, DemoErrors, DemoFaces, DemoModel
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


def _show(answer: Demo, printer: Printer) -> None:
    printer.notes(answer.notes)
    printer.warnings(answer.warnings)
    printer.aside(f"Weights: {answer.weights} (sha256 {answer.weights_sha256[:16]})")
    printer.say("Export", is_bold=True)
    for model in answer.models:
        printer.say(
            f"  {model.file}: opset {model.opset}, IR {model.ir_version}, {model.n_nodes} nodes, "
            f"{model.n_bytes / 1e6:.2f} MB"
        )
    printer.say()
    printer.say("Fidelity: largest absolute error, compared with float64 torch", is_bold=True)
    printer.say(f"over {len(answer.inputs)} inputs: {', '.join(answer.inputs)}")
    columns = ["engine", *answer.errors[0].largest]
    rows = [[one.engine, *(f"{x:.1e}" for x in one.largest.values())] for one in answer.errors]
    printer.table(columns, rows, right=[1, 2, 3])
    printer.say()
    printer.say(f"Detection, score above {answer.score_above}", is_bold=True)
    for one in answer.faces:
        printer.say(f"  {one.image}: {one.n_faces}")
    printer.say()
    if (found := answer.accuracy) is None:
        printer.say("AP: not computed, because weights and pictures do not belong together")
    else:
        printer.ap(f"{found.engine}, {found.pipeline}, batch {found.batch}", found.ap)
    printer.say()
    printer.say(f"Exported files and pictures are in {answer.folder}")


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
@answering(_show)
def demo(output: Path | None, weights: str | None, widerface: Path | None) -> Demo:
    """Run the whole path once: export, fidelity, detection, AP.

    If neither the published checkpoint nor WIDER FACE is on this machine, the demo runs on the
    embedded set, which ships with the package, and prints a note.
    """
    from datetime import datetime

    from retinaface.cli.answers.accuracy import Demo
    from retinaface.files import new_dir
    from retinaface.suite.sources import choose_sources

    sources = choose_sources(weights, widerface)
    folder = output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    loaded = _load(sources.weights)
    notes, warnings, accuracy = [*filter(None, [sources.note]), *loaded.notes], [], None
    dataset, truth = _open(sources.data)
    with new_dir(folder) as temporary:
        models, exported = _export(loaded, temporary)
        with working("comparing outputs with float64 torch"):
            inputs, errors = _fidelity(loaded, models)
        faces = _detect(models["fp32"], dataset, truth, temporary / "pictures")
        if sources.data.is_embedded == sources.weights.is_embedded:
            accuracy, note, warning = _accuracy(models, dataset, truth)
            notes, warnings = [*notes, note], [warning] if warning else []
    return Demo(
        weights=sources.weights.description,
        weights_sha256=sources.weights.sha256,
        models=exported,
        inputs=inputs,
        errors=errors,
        score_above=_SCORE,
        faces=faces,
        accuracy=accuracy,
        folder=str(folder),
        notes=notes,
        warnings=warnings,
    )


def _load(weights: WeightsChoice) -> LoadedModel:
    from retinaface.errors import ExportError

    try:
        from retinaface.network.checkpoint import load_model
    except ImportError as error:
        raise ExportError(
            f"the demo exports the network, which needs {error.name}; install the extra 'export'"
        ) from error
    return load_model(weights.source)


def _open(data: DataChoice) -> tuple[WiderFace, GroundTruth]:
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(data.root)
    return dataset, dataset.select(_subset(dataset))


def _subset(dataset: WiderFace) -> str | None:
    """Choose an eighth of the official set, which is enough for a demo; all of a smaller set."""
    from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES

    return _SUBSET if len(dataset.truth.images) == OFFICIAL_N_IMAGES else None


def _export(loaded: LoadedModel, folder: Path) -> tuple[dict[str, Path], list[DemoModel]]:
    from retinaface.cli.answers.accuracy import DemoModel
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions

    models, described = {}, []
    for precision in ("fp32", "fp16"):
        path = folder / f"retinaface.{precision}.onnx"
        with working(f"exporting to {path.name}"):
            manifest = export(loaded, ExportOptions(precision=precision), path)
        models[precision] = path
        described.append(
            DemoModel(
                file=path.name,
                opset=manifest.options.opset or 0,
                ir_version=manifest.ir_version,
                n_nodes=sum(manifest.operators.values()),
                n_bytes=path.stat().st_size,
            )
        )
    return models, described


def _fidelity(loaded: LoadedModel, models: dict[str, Path]) -> tuple[list[str], list[DemoErrors]]:
    import numpy as np

    from retinaface.checks.raw_outputs import output_errors
    from retinaface.cli.answers.accuracy import DemoErrors
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.export.manifest import sidecars
    from retinaface.network.config import OUTPUT_NAMES
    from retinaface.reference.stored import load_reference
    from retinaface.typing import float_of

    cases = load_reference(sidecars(models["fp32"])[0])
    rows = []
    for engine in _ENGINES:
        entry = find_engine(engine)
        model = models[entry.precision] if entry.loads_onnx else None
        with open_engine(engine, model=model, weights=loaded.source, max_batch=1) as runner:
            precision = float_of(runner.spec.precision)
            errors = [
                error
                for case in cases
                for error in output_errors(runner.infer(case.images), case, precision)
            ]
        # NumPy's max, because Python's ignores a NaN.
        worst = {
            n: float(np.max([e.max_abs for e in errors if e.output == n])) for n in OUTPUT_NAMES
        }
        rows.append(DemoErrors(engine=engine, largest=worst))
    return [case.name for case in cases], rows


def _detect(model: Path, dataset: WiderFace, truth: GroundTruth, folder: Path) -> list[DemoFaces]:
    from retinaface.cli.answers.accuracy import DemoFaces
    from retinaface.detection.detections import Detections
    from retinaface.detection.detector import detect as run
    from retinaface.detection.drawing import draw_detections, encode_picture
    from retinaface.detection.images import decode_image
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine

    images = truth.images[:: max(1, len(truth.images) // _N_PICTURES)][:_N_PICTURES]
    encoded = {image: dataset.read_bytes(image) for image in images}
    folder.mkdir()
    faces = []
    with open_engine("ort-cpu-fp32", model=model) as engine:
        for name, found in run(engine, PIPELINES[_PIPELINE], encoded, encoded.__getitem__):
            if isinstance(found, Detections):
                shown = found.above(_SCORE)
                faces.append(DemoFaces(image=name, n_faces=len(shown.scores)))
                picture = draw_detections(decode_image(encoded[name], name), shown)
                target = folder / f"{name.rpartition('/')[2]}.jpg"
                target.write_bytes(encode_picture(picture, name))
    return faces


def _accuracy(
    models: dict[str, Path], dataset: WiderFace, truth: GroundTruth
) -> tuple[DemoAp, str, str]:
    """Measure AP; give it with a note on the images, and a warning, which may be empty."""
    from retinaface.cli.answers.accuracy import DemoAp
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine
    from retinaface.widerface.evaluation import evaluate
    from retinaface.widerface.scoring import coverage_note

    recipe = PIPELINES[_PIPELINE]
    with open_engine("ort-cpu-fp32", model=models["fp32"]) as engine:
        result = evaluate(
            engine, recipe, dataset, truth, batch_size=recipe.batch_size, progress=wants_progress()
        )
        name = engine.spec.name
    found = DemoAp(engine=name, pipeline=_PIPELINE, batch=recipe.batch_size, ap=result.ap)
    return found, coverage_note(truth), result.warning
