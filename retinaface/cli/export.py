"""The command `retinaface export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.one_engine.calibration import calibration_options, int8_of
from retinaface.cli.options import PATH, widerface_options
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import PathOrWord

if TYPE_CHECKING:
    from retinaface.cli.answers.files import Exported, ExportedFile
    from retinaface.export.manifest import Manifest
    from retinaface.storage.location import Location


class BatchSize(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """A number of images, or `dynamic`, which becomes None."""

    name = "N|dynamic"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Parse the value; `dynamic` becomes None."""
        if value in ("dynamic", None):
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"expected a number of at least 1, or dynamic; got {value!r}", param, ctx)
        return number


def _show(answer: Exported, printer: Printer) -> None:
    printer.notes(answer.notes)
    for file in answer.files:
        manifest = file.manifest
        axes = "x".join(str(axis) for axis in manifest.axes["input"])
        printer.say(
            f"{file.path}: opset {manifest.options.opset}, IR {manifest.ir_version}, "
            f"{manifest.options.precision} (I/O {manifest.options.io}), input {axes}, "
            f"{sum(manifest.operators.values())} nodes, sha256 {manifest.sha256[:16]}"
        )
        for path in file.beside:
            printer.line(path)


@click.command(cls=Command)
@click.option("--output", type=PATH, required=True, metavar="FILE.onnx", help="ONNX file to write.")
@click.option(
    "--weights",
    type=PathOrWord("embedded"),
    metavar="FILE|embedded",
    help="Checkpoint; 'embedded' for the one that ships with the package.  "
    "[default: the published checkpoint]",
)
@click.option(
    "--exporter",
    type=click.Choice(["torchscript", "dynamo"]),
    default="torchscript",
    show_default=True,
    help="Exporter of torch.",
)
@click.option(
    "--opset",
    type=int,
    metavar="N",
    help="Opset of the file. torchscript: 11 to 20 (default 13). dynamo: 16 to 20 (default 18).",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="Precision of weights and operators; int8 for the convolutions alone.",
)
@click.option(
    "--io",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Precision of input and outputs; fp16 needs --precision fp16.",
)
@click.option(
    "--batch-size",
    type=BatchSize(),
    default="dynamic",
    metavar="N|dynamic",
    show_default=True,
    help="Fix the number of images in a call, or leave it free.",
)
@click.option("--dynamic-size", is_flag=True, help="Leave height and width free.")
@click.option("--no-simplify", is_flag=True, help="Do not run onnxsim.")
@click.option(
    "--with-fp16",
    is_flag=True,
    help="Also write FILE.fp16.onnx; it shares the reference of FILE.onnx.",
)
@click.option(
    "--reference",
    type=click.Choice(["small", "full"]),
    default="small",
    show_default=True,
    help="Content of FILE.reference.npz. small: a few inputs. full: all inputs and outputs of a "
    "validation, which then needs no torch (about 100 MB); photographs where the data set is on "
    "this machine.",
)
@click.option(
    "--with-fp16-sums",
    is_flag=True,
    help="FILE.reference.npz also holds what a device gives that rounds sums to FP16, such as "
    "ncnn-vulkan-fp16: a validation of its FP16 then needs no torch.",
)
@calibration_options
@widerface_options
@answering(_show)
def export(
    output: Path,
    weights: str | None,
    exporter: Any,
    opset: int | None,
    precision: Any,
    io: Any,
    batch_size: int | None,
    dynamic_size: bool,
    no_simplify: bool,
    with_fp16: bool,
    reference: str,
    with_fp16_sums: bool,
    widerface: Location | None,
    subset: str | None,
    **int8: Any,
) -> Exported:
    """Export the network to ONNX and verify the file.

    Beside FILE.onnx it writes FILE.json, a manifest (versions, options, hashes), and
    FILE.reference.npz, inputs with the outputs of float64 torch. With these a machine without
    torch can judge an engine.

    \b
    retinaface export --output retinaface.onnx
    retinaface export --output retinaface.fp16.onnx --precision fp16 --batch-size 32
    retinaface export --output exports/retinaface.onnx --with-fp16 --reference full
    retinaface export --output retinaface.int8.onnx --precision int8 --calibration DIR
    """
    from retinaface.cli.answers.files import Exported
    from retinaface.telling.work import working

    load_model, run, make_options = _import_exporters()
    options = make_options(
        exporter=exporter,
        opset=opset,
        precision=precision,
        io=io,
        batch_size=batch_size,
        dynamic_size=dynamic_size,
        simplify=not no_simplify,
        int8=(asked := int8_of(precision, **int8)).options,
    )
    if with_fp16 and precision != "fp32":
        raise click.UsageError("--with-fp16 goes with --precision fp32; drop one of them")
    loaded = load_model(weights, progress=wants_progress())
    cases, notes = None, list(loaded.notes)
    if reference == "full":
        if dynamic_size:
            raise click.UsageError("--reference full needs 320x320 inputs; drop --dynamic-size")
        from retinaface.reference.from_torch import full_reference

        inputs, note = _inputs(widerface, subset)
        cases, notes = full_reference(loaded, inputs, progress=wants_progress()), [note, *notes]
    if with_fp16_sums:
        cases = _with_sums(loaded, options, cases)
    calibration, told = asked.read()
    notes += told
    with working(f"exporting to {output}"):
        manifest = run(loaded, options, output, cases=cases, calibration=calibration)
    files = [_described(output, manifest, of_itself=True)]
    if with_fp16:
        half = output.with_suffix(f".fp16{output.suffix}")
        with working(f"exporting to {half}"):
            manifest = run(loaded, replace(options, precision="fp16"), half, reference_of=output)
        files.append(_described(half, manifest))
    return Exported(files=files, notes=notes)


def _import_exporters() -> tuple[Any, Any, Any]:
    """Import the modules that need torch: `load_model`, `export`, `ExportOptions`."""
    try:
        from retinaface.export.exporter import export as run
        from retinaface.export.options import ExportOptions
        from retinaface.network.checkpoint import load_model
    except ImportError as error:
        from retinaface.errors import ExportError

        raise ExportError(
            f"cannot export: {error.name} is not installed; install the extra 'export'"
        ) from error
    return load_model, run, ExportOptions


def _with_sums(loaded: Any, options: Any, cases: Any) -> Any:
    """Add what a device gives that rounds sums to the cases of a reference, small or full."""
    from retinaface.export.exporter import small_reference
    from retinaface.reference.from_torch import with_rounded_sums
    from retinaface.telling.work import working

    with working("emulating sums in FP16"):
        stored = small_reference(loaded, options) if cases is None else cases
        return with_rounded_sums(loaded.model, stored)


def _described(output: Path, manifest: Manifest, *, of_itself: bool = False) -> ExportedFile:
    """Name a file and those beside it: its own reference if it has one, and its manifest."""
    from retinaface.cli.answers.files import ExportedFile
    from retinaface.export.manifest import sidecars

    beside = [str(path) for path in sidecars(output)[0 if of_itself else 1 :]]
    return ExportedFile(path=str(output), beside=beside, manifest=manifest)


def _inputs(widerface: Location | None, subset: str | None) -> tuple[dict[str, Any], str]:
    """Make network inputs of every kind, and a note which; generated ones without photographs."""
    from retinaface.detection.pipelines import PIPELINES, photograph_inputs
    from retinaface.records.traced_images import spread
    from retinaface.reference.inputs import KINDS, N_IMAGES, REAL, kind_inputs
    from retinaface.suite.sources import choose_data
    from retinaface.widerface.dataset import open_widerface

    def real_images(n: int) -> Any:
        chosen = spread(dataset.select(subset).images, n)
        encoded = {name: dataset.read_bytes(name) for name in chosen}
        return photograph_inputs(encoded, PIPELINES["igie"])

    data = choose_data(widerface)
    dataset = open_widerface(data.root)
    what = "generated pictures" if data.is_embedded else "photographs"
    note = f"the reference has {N_IMAGES[REAL]} {what} from {dataset.root}"
    return {kind: kind_inputs(kind, real_images) for kind in KINDS}, note
