"""Export torch to ONNX, simplify, convert to FP16; write a manifest and reference outputs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch

from retinaface.environment import package_versions
from retinaface.errors import ExportError
from retinaface.export.conversion import lower_opset, quiet, simplify, to_fp16
from retinaface.export.int8.calibration import CalibrationSet
from retinaface.export.int8.quantise import to_int8
from retinaface.export.interface import interface_of
from retinaface.export.layer_match import match_convolutions
from retinaface.export.manifest import (
    Calibration,
    GraphFacts,
    Manifest,
    Steps,
    sidecars,
    weights_source,
    write_manifest,
)
from retinaface.export.onnx_graph import graph_sha256, operator_counts, opset_of, set_axes
from retinaface.export.options import ExportOptions
from retinaface.export.verification import check_exported_axes, verify
from retinaface.files import new_file
from retinaface.network.checkpoint import LoadedModel, tensors_sha256
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES, PRECISION_KEY
from retinaface.network.model import RetinaFace
from retinaface.reference.from_torch import torch_reference
from retinaface.reference.inputs import reference_inputs
from retinaface.reference.stored import ReferenceCase, save_reference
from retinaface.storage.hashing import file_sha256

_DYNAMO_OPSET = 18  # the exporter's own; lower ones are converted
VERSIONED_PACKAGES = (
    *("torch", "onnx", "onnxscript", "onnxsim", "onnxconverter-common", "onnxruntime"),
    "retinaface",
)


def export(
    loaded: LoadedModel,
    options: ExportOptions,
    output: Path,
    *,
    cases: Sequence[ReferenceCase] | None = None,
    reference_of: Path | None = None,
    calibration: CalibrationSet | None = None,
) -> Manifest:
    """Export a model; the files appear only when all of them are right.

    Beside `FILE.onnx` it writes `FILE.json`, the manifest, and `FILE.reference.npz`, inputs with
    the outputs of float64 and float32 torch.

    Args:
        loaded: The network and its checkpoint.
        output: `FILE.onnx`; an old file is replaced.
        cases: Content of the reference; None for a few images of the file's input size.
        reference_of: An export of the same weights in the same folder; its reference serves this
            file too.
        calibration: Images that calibrate an INT8 file; None for any other.

    Returns:
        The manifest.

    Raises:
        ExportError: The exporter failed, or the file does not hold what was asked for.
        OutputError: The files cannot be written.
    """
    _check_asked(options, output, calibration)
    reference_path, manifest_path = sidecars(output)
    with contextlib.ExitStack() as files:
        if reference_of is None:
            reference = files.enter_context(new_file(reference_path))
        else:
            reference = reference_path = sidecars(reference_of)[0]
        manifest_file = files.enter_context(new_file(manifest_path))
        file = files.enter_context(new_file(output))
        notes, steps = _write_onnx(loaded.model, options, file, calibration)
        model = verify(file, interface_of(options), options.precision, options.n_float_layers)
        if reference_of is None:
            save_reference(reference, small_reference(loaded, options) if cases is None else cases)
        manifest = Manifest(
            file=output.name,
            sha256=file_sha256(file),
            reference=reference_path.name,
            reference_sha256=file_sha256(reference),
            weights=weights_source(loaded.source, loaded.sha256, loaded.notes),
            options=replace(options, opset=options.resolved_opset),
            ir_version=model.ir_version,
            axes=interface_of(options).axes,
            operators=operator_counts(model),
            layers={m.layer: m.tensor for m in match_convolutions(loaded.model, file)},
            steps=steps,
            versions=package_versions(VERSIONED_PACKAGES),
            notes=notes,
            calibration=None if calibration is None else Calibration.of(calibration.sha256),
        )
        write_manifest(manifest_file, manifest)
    return manifest


def _check_asked(options: ExportOptions, output: Path, calibration: CalibrationSet | None) -> None:
    if output.suffix != ".onnx":
        raise ExportError(f"cannot export to {output}: expected a name that ends in .onnx")
    if (calibration is None) == (options.precision == "int8"):
        raise ExportError("calibration images go with precision int8, and with no other")


def small_reference(loaded: LoadedModel, options: ExportOptions) -> list[ReferenceCase]:
    """Run torch on a few images of the file's input size."""
    inputs = reference_inputs(
        options.height_px, options.width_px, dynamic_size=options.dynamic_size
    )
    return torch_reference(loaded.model, inputs)


def _write_onnx(
    model: RetinaFace, options: ExportOptions, file: Path, calibration: CalibrationSet | None
) -> tuple[list[str], Steps]:
    """Run the exporter and the steps after it; return notes and steps for the manifest."""
    proto, notes = _exporter_output(model, options, file.parent)
    interface = interface_of(options)
    if opset_of(proto) != interface.opset:
        if options.exporter != "dynamo" or interface.opset >= _DYNAMO_OPSET:
            raise ExportError(
                f"the {options.exporter} exporter changed the opset: asked for {interface.opset}, "
                f"got {opset_of(proto)}; use another opset or exporter"
            )
        notes.append(f"lowered from opset {opset_of(proto)}, which the exporter did not change")
        lower_opset(proto, interface.opset)
    check_exported_axes(proto, interface.axes)
    ir_version = proto.ir_version
    set_axes(proto, interface.axes)
    # Facts about the graph after each step show at which step two files differ.
    exported, simplified = _facts(proto), None
    if options.simplify:
        proto = simplify(proto)
        simplified = _facts(proto)
    if options.precision == "fp16":
        proto = to_fp16(proto, keep_io_types=options.io == "fp32")
    if options.int8 is not None and calibration is not None:
        onnx.save(proto, file)
        layers = match_convolutions(model, file)
        proto = to_int8(proto, options.int8, calibration, layers)
    proto.ir_version = ir_version  # tools raise it to their own release's
    set_axes(proto, interface.axes)
    onnx.helper.set_model_props(proto, {PRECISION_KEY: options.precision})
    onnx.save(proto, file)
    return notes, Steps(exported=exported, simplified=simplified)


def _facts(model: onnx.ModelProto) -> GraphFacts:
    return GraphFacts(operators=operator_counts(model), sha256=graph_sha256(model))


# Raw and simplified, FP32 and FP16 files come from one run of the exporter: dynamo takes 10 s.
_exporter_runs: dict[tuple[Any, ...], tuple[bytes, list[str]]] = {}


def _exporter_output(
    model: RetinaFace, options: ExportOptions, folder: Path
) -> tuple[onnx.ModelProto, list[str]]:
    """Run the exporter, once for the same weights; return its model and its warnings."""
    run = _export_dynamo if options.exporter == "dynamo" else _export_torchscript
    asked = replace(options, simplify=False, precision="fp32", io="fp32", int8=None)
    key = tensors_sha256(model), asked, run, torch.onnx.export
    if key not in _exporter_runs:
        _exporter_runs.clear()  # only the last run is kept
        _exporter_runs[key] = _run_exporter(run, model, options, folder)
    content, notes = _exporter_runs[key]
    return onnx.ModelProto.FromString(content), list(notes)


def _run_exporter(
    run: Callable[[RetinaFace, ExportOptions, Path], None],
    model: RetinaFace,
    options: ExportOptions,
    folder: Path,
) -> tuple[bytes, list[str]]:
    with tempfile.TemporaryDirectory(dir=folder) as temporary, quiet() as caught:
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
        for name, axes in interface_of(options).axes.items()
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
    axes = interface_of(options).axes[INPUT_NAME]
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
    # Two images where the batch is free: dynamo would make a 1 a constant.
    return torch.zeros(options.batch_size or 2, 3, options.height_px, options.width_px)
