"""torch -> ONNX -> simplified -> FP16, with a manifest and reference outputs beside the file."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import onnx
import torch

from retinaface import onnx_file
from retinaface.config import INPUT_NAME, OUTPUT_NAMES, OUTPUT_WIDTHS, PRECISION_KEY
from retinaface.environment import package_versions
from retinaface.errors import ExportError
from retinaface.files import file_sha256, new_file
from retinaface.model import RetinaFace
from retinaface.onnx_file import Axis, Interface
from retinaface.priors import prior_boxes
from retinaface.reference import reference_inputs, save_reference
from retinaface.torch_reference import torch_reference
from retinaface.typing import Precision
from retinaface.weights import LoadedModel, tensors_sha256

Exporter = Literal["torchscript", "dynamo"]
MANIFEST_VERSION = 1
DEFAULT_OPSET: dict[Exporter, int] = {"torchscript": 13, "dynamo": 18}
OPSETS: dict[Exporter, range] = {"torchscript": range(11, 21), "dynamo": range(16, 21)}
_DYNAMO_OPSET = 18  # what the exporter itself writes; lower ones are converted
_DYNAMO_IR = 10  # whatever the opset; onnxruntime loads it from 1.18 on
VERSIONED_PACKAGES = (
    "torch",
    "onnx",
    "onnxscript",
    "onnxsim",
    "onnxconverter-common",
    "retinaface",
)


@dataclass(frozen=True)
class ExportOptions:
    """What to ask of an export.

    Attributes:
        exporter: `torchscript` or `dynamo`.
        opset: None for the exporter's default.
        precision: Of weights and operators.
        io: Of input and outputs; `fp16` only with precision `fp16`.
        batch_size: None for a free batch axis.
        dynamic_size: Free height and width.
        simplify: Run onnxsim.
        height_px: Height of the input where it is fixed.
        width_px: Width, likewise.
    """

    exporter: Exporter = "torchscript"
    opset: int | None = None
    precision: Precision = "fp32"
    io: Precision = "fp32"
    batch_size: int | None = None
    dynamic_size: bool = False
    simplify: bool = True
    height_px: int = 320
    width_px: int = 320

    def __post_init__(self) -> None:
        """Refuse what no exporter can give.

        Raises:
            ExportError: A combination that cannot be met.
        """
        allowed, opset = OPSETS[self.exporter], self.resolved_opset
        if opset not in allowed:
            other = "; use --exporter torchscript" if opset in OPSETS["torchscript"] else ""
            raise ExportError(
                f"the {self.exporter} exporter cannot write opset {opset}: it reaches "
                f"{allowed.start} to {allowed.stop - 1}{other}"
            )
        if self.io == "fp16" and self.precision != "fp16":
            raise ExportError("FP16 input and outputs need --precision fp16; add it")
        if self.batch_size is not None and self.batch_size < 1:
            raise ExportError(f"batch size must be at least 1, got {self.batch_size}")

    @property
    def resolved_opset(self) -> int:
        """The opset that the file must hold."""
        return DEFAULT_OPSET[self.exporter] if self.opset is None else self.opset

    def interface(self) -> Interface:
        """What the file must hold for these options."""
        opset = self.resolved_opset
        minimal_ir = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
        batch: Axis = "batch" if self.batch_size is None else self.batch_size
        size: tuple[Axis, Axis] = (self.height_px, self.width_px)
        n_priors: Axis = len(prior_boxes(self.height_px, self.width_px))
        if self.dynamic_size:
            size, n_priors = ("height", "width"), "priors"
        axes: dict[str, tuple[Axis, ...]] = {
            name: (batch, n_priors, n_values) for name, n_values in OUTPUT_WIDTHS.items()
        }
        axes[INPUT_NAME] = (batch, 3, *size)
        ir_version = _DYNAMO_IR if self.exporter == "dynamo" else minimal_ir
        return Interface(opset, ir_version, self.io, axes)


def export(loaded: LoadedModel, options: ExportOptions, output: Path) -> dict[str, Any]:
    """Export a model; the files appear only when all of them are right.

    Beside `FILE.onnx` stand `FILE.json`, the manifest, and `FILE.reference.npz`, inputs with the
    outputs of float64 and float32 torch.

    Args:
        loaded: The network and where its weights came from.
        options: What to ask of the export.
        output: `FILE.onnx`; an old one is replaced.

    Returns:
        The manifest.

    Raises:
        ExportError: The exporter failed, or the file does not hold what was asked for.
        OutputError: The files cannot be written.
    """
    if output.suffix != ".onnx":
        raise ExportError(f"cannot export to {output}: expected a name that ends in .onnx")
    reference_path, manifest_path = sidecars(output)
    with (
        new_file(reference_path) as reference,
        new_file(manifest_path) as manifest_file,
        new_file(output) as file,
    ):
        notes, steps = _write_onnx(loaded.model, options, file)
        model = onnx_file.verify(file, options.interface(), options.precision)
        inputs = reference_inputs(
            options.height_px, options.width_px, dynamic_size=options.dynamic_size
        )
        save_reference(reference, torch_reference(loaded.model, inputs))
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            "file": output.name,
            "sha256": file_sha256(file),
            "reference": reference_path.name,
            "reference_sha256": file_sha256(reference),
            "weights": {"source": Path(loaded.source).name, "sha256": loaded.sha256},
            "options": asdict(options) | {"opset": options.resolved_opset},
            "ir_version": model.ir_version,
            "axes": {name: list(axes) for name, axes in options.interface().axes.items()},
            "operators": onnx_file.operator_counts(model),
            "steps": steps,
            "versions": package_versions(VERSIONED_PACKAGES),
            "notes": notes,
        }
        manifest_file.write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def sidecars(model: Path) -> tuple[Path, Path]:
    """The reference and the manifest that stand beside an exported file."""
    return model.with_suffix(".reference.npz"), model.with_suffix(".json")


def read_manifest(model: Path) -> dict[str, Any] | None:
    """The manifest beside a file; None where there is none or it belongs to another file."""
    path = sidecars(model)[1]
    if not path.is_file():
        return None
    with contextlib.suppress(ValueError, OSError):
        manifest = json.loads(path.read_text())
        if manifest.get("sha256") == file_sha256(model):
            return dict(manifest)
    return None


def _write_onnx(
    model: RetinaFace, options: ExportOptions, file: Path
) -> tuple[list[str], dict[str, Any]]:
    """Run the exporter and the steps after it; returns notes and steps for the manifest."""
    proto, notes = _exporter_output(model, options, file.parent)
    interface = options.interface()
    if _opset(proto) != interface.opset:
        if options.exporter != "dynamo" or interface.opset >= _DYNAMO_OPSET:
            raise ExportError(
                f"the {options.exporter} exporter changed the opset: asked for {interface.opset}, "
                f"got {_opset(proto)}; use another opset or exporter"
            )
        notes.append(f"lowered from opset {_opset(proto)}, where the exporter had stayed")
        onnx_file.lower_opset(proto, interface.opset)
    onnx_file.check_exported_axes(proto, interface.axes)
    ir_version = proto.ir_version
    onnx_file.set_axes(proto, interface.axes)
    # What each step gave, so that a difference of two files can be placed.
    steps = {"exported": onnx_file.graph_facts(proto)}
    if options.simplify:
        proto = _simplify(proto)
        steps["simplified"] = onnx_file.graph_facts(proto)
    if options.precision == "fp16":
        proto = onnx_file.to_fp16(proto, keep_io_types=options.io == "fp32")
    proto.ir_version = ir_version  # tools raise it to what their own release writes
    onnx_file.set_axes(proto, interface.axes)
    onnx.helper.set_model_props(proto, {PRECISION_KEY: options.precision})
    onnx.save(proto, file)
    return notes, steps


# Raw and simplified, FP32 and FP16 files come of the same run of the exporter: 10 s for dynamo.
_exporter_runs: dict[tuple[Any, ...], tuple[bytes, list[str]]] = {}


def _exporter_output(
    model: RetinaFace, options: ExportOptions, folder: Path
) -> tuple[onnx.ModelProto, list[str]]:
    """What the exporter itself gives, and what it warned of; run once for the same weights."""
    run = _export_dynamo if options.exporter == "dynamo" else _export_torchscript
    asked = replace(options, simplify=False, precision="fp32", io="fp32")
    key = tensors_sha256(model), asked, run, torch.onnx.export
    if key not in _exporter_runs:
        _exporter_runs.clear()  # the last one is enough
        _exporter_runs[key] = _run_exporter(run, model, options, folder)
    content, notes = _exporter_runs[key]
    return onnx.ModelProto.FromString(content), list(notes)


def _run_exporter(
    run: Callable[[RetinaFace, ExportOptions, Path], None],
    model: RetinaFace,
    options: ExportOptions,
    folder: Path,
) -> tuple[bytes, list[str]]:
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _quiet() as caught:
        raw = Path(temporary) / "raw.onnx"
        try:
            run(model, options, raw)
        except Exception as error:  # exporters raise many types of their own
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ExportError(
                f"the {options.exporter} exporter failed at opset {options.resolved_opset}: "
                f"{type(error).__name__}: {reason[0]}"
            ) from error
        if others := sorted(p.name for p in Path(temporary).iterdir() if p != raw):
            raise ExportError(
                f"the {options.exporter} exporter wrote more than one file: {', '.join(others)} "
                "beside the graph; a deployment would lose its weights"
            )
        proto = onnx.load(raw)
    notes = sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught})
    return proto.SerializeToString(), notes


def _export_torchscript(model: RetinaFace, options: ExportOptions, file: Path) -> None:
    axes = {
        name: {i: axis for i, axis in enumerate(axes) if isinstance(axis, str)}
        for name, axes in options.interface().axes.items()
    }
    torch.onnx.export(
        model,
        (_example(options),),
        file,
        dynamo=False,
        opset_version=options.resolved_opset,
        input_names=[INPUT_NAME],
        output_names=list(OUTPUT_NAMES),
        dynamic_axes=axes,
    )


def _export_dynamo(model: RetinaFace, options: ExportOptions, file: Path) -> None:
    free = torch.export.Dim.DYNAMIC
    axes = options.interface().axes[INPUT_NAME]
    torch.onnx.export(
        model,
        (_example(options),),
        file,
        dynamo=True,
        external_data=False,
        verbose=False,
        opset_version=options.resolved_opset,
        input_names=[INPUT_NAME],
        output_names=list(OUTPUT_NAMES),
        dynamic_shapes=({i: free for i, axis in enumerate(axes) if isinstance(axis, str)},),
    )


def _example(options: ExportOptions) -> torch.Tensor:
    # Two images where the batch is free: dynamo takes a 1 for a constant.
    return torch.zeros(options.batch_size or 2, 3, options.height_px, options.width_px)


def _simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxsim

    simplified, agrees = onnxsim.simplify(model)
    if not agrees:
        raise ExportError("onnxsim changed the results of the graph; export with --no-simplify")
    return cast(onnx.ModelProto, simplified)


def _opset(model: onnx.ModelProto) -> int:
    return int(next(o.version for o in model.opset_import if not o.domain))


@contextlib.contextmanager
def _quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Collect what exporters warn of, and keep their logs off the terminal."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught
    finally:
        logging.disable(logging.NOTSET)
