"""Complete the specification of an engine: check its files, give them a form, make an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from retinaface.engines.catalogue import BUILTIN, EngineEntry, find_engine
from retinaface.engines.importing import importing
from retinaface.engines.spec import EngineSpec
from retinaface.errors import EngineUnavailable, ModelError
from retinaface.files import refuse_pointer
from retinaface.typing import Scores

if TYPE_CHECKING:
    from typing_extensions import Unpack  # only the type checker needs it

_SIZE_PX = (320, 320)


class EngineSettings(TypedDict, total=False):
    """Settings of an engine beside its name; defaults are those of `EngineSpec`.

    Attributes:
        model: The file to load or to build from. Without one, an engine that loads ONNX gets an
            export of `weights` from the cache.
        engine_file: A prebuilt engine to load; then nothing is exported or built.
        build: Number of the build; another number builds again, where builds are files.
        weights: Checkpoint, `embedded`, or None for the published checkpoint.
        scores: What the second output of `model` or `engine_file` holds: see `EngineSpec`.
        max_batch: Most images in one call.
        input_size_px: Height and width of every input; None where they depend on the image.
        threads: Threads of the runtime inside one call.
        shares_cpus: Whether other threads work while it runs, as in `detect`; see `EngineSpec`.
        options: Options that the engine declares.
    """

    model: Path | None
    engine_file: Path | None
    build: int
    weights: str | Path | None
    scores: Scores
    max_batch: int
    input_size_px: tuple[int, int] | None
    threads: int | None
    shares_cpus: bool
    options: Mapping[str, str] | None


def specify(name: str, **settings: Unpack[EngineSettings]) -> EngineSpec:
    """Make the complete specification of an engine, which may run in another environment.

    Args:
        name: See `open_engine`.
        **settings: See `EngineSettings`; files are checked, and a needed export is made.

    Raises:
        EngineUnavailable: The engine is unknown, or a file is missing or does not fit the others.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made, or the model is not the file of its manifest.
        ModelError: The model is damaged, or not of this network.
    """
    entry = find_engine(name)
    fields: dict[str, Any] = dict(settings)
    height_px, width_px = fields.pop("input_size_px", _SIZE_PX) or (None, None)
    options = dict(fields.pop("options", None) or {})
    spec = EngineSpec(
        name,
        entry.precision,
        entry.device,
        height_px=height_px,
        width_px=width_px,
        options=options,
        **fields,
    )
    if spec.model is not None and not spec.model.exists():
        raise EngineUnavailable(f"{name}: model {spec.model} does not exist; check --model")
    if spec.model is not None:
        refuse_pointer(spec.model, EngineUnavailable)
        _check_model_file(spec.model)
    if spec.scores == "logits" and not (spec.engine_file or (spec.model and entry.loads_onnx)):
        raise EngineUnavailable(
            f"{name}: --scores logits says what a file gives, but this engine gets none; leave it "
            "out, or give an ONNX file with --model to an engine that loads one"
        )
    if spec.engine_file is not None:
        _check_engine_file(name, entry, spec.engine_file, spec.model)
    elif spec.model is not None and entry.loads_onnx and _is_onnx(name, spec.model):
        is_theirs = name not in BUILTIN  # their engines may compute in other types
        path, notes = own_form(
            spec.model, spec.scores, takes_integers=is_theirs or entry.precision == "int8"
        )
        given = spec.model if path != spec.model else None
        return replace(spec, model=path, given=given, model_notes=notes)
    elif entry.loads_onnx and spec.model is None:
        is_free = height_px is None
        return replace(spec, model=_export_file(name, entry, spec.weights, dynamic_size=is_free))
    return spec


def _check_model_file(model: Path) -> None:
    """Compare a model with the manifest beside it: whoever opens an engine judges that file."""
    # Reads JSON with a package that a worker, which imports this module, does not have.
    from retinaface.export.manifest import read_manifest

    read_manifest(model)


def _is_onnx(name: str, model: Path) -> bool:
    """Tell whether a file is ONNX; a third party's engine may load another format."""
    return name in BUILTIN or model.suffix == ".onnx"


def own_form(
    model: Path, scores: Scores, *, takes_integers: bool = True
) -> tuple[Path, tuple[str, ...]]:
    """Give an ONNX file of any exporter in a form that every engine can load, and what was read.

    Without onnx a file is used as it is: engines check its names themselves.

    Args:
        model: The given file.
        scores: What its second output holds.
        takes_integers: Whether an engine may take quantised weights.

    Raises:
        ModelError: The file is damaged, or not of this network; or onnx is needed and not here.
    """
    try:
        from retinaface.export.foreign.adopt import adopt
    except ImportError as error:
        if scores == "logits":
            raise ModelError(
                f"cannot use {model}: --scores logits reads it with {error.name}, which cannot be "
                f"imported; pip install {error.name}"
            ) from error
        return model, ()
    adopted = adopt(model, scores, takes_integers=takes_integers)
    return adopted.path, adopted.notes


def _check_engine_file(
    name: str, entry: EngineEntry, engine_file: Path, model: Path | None
) -> None:
    if not entry.builds_files:
        having = [other for other, known in BUILTIN.items() if known.builds_files]
        raise EngineUnavailable(
            f"{name} loads no prebuilt engines, so it cannot run {engine_file}; leave "
            f"--engine-file out, or take one of: {', '.join(having)}"
        )
    if model is not None:
        raise EngineUnavailable(
            f"{name}: both a model to build from ({model}) and a build ({engine_file}) were given; "
            "leave --model or --engine-file out"
        )
    if not engine_file.is_file():
        raise EngineUnavailable(
            f"{name}: engine file {engine_file} does not exist; check --engine-file"
        )
    refuse_pointer(engine_file, EngineUnavailable)
    # Reads JSON with a package that a worker, which imports this module, does not have.
    from retinaface.export.build_manifest import check_build

    check_build(name, entry.precision, engine_file)


def _export_file(
    name: str, entry: EngineEntry, weights: str | Path | None, *, dynamic_size: bool
) -> Path:
    with importing(
        f"{name} needs an ONNX file, but the exporter",
        "give --model FILE.onnx, or install the extra 'export'",
    ):
        from retinaface.export.cache import cached_export
    precision = entry.source_precision or entry.precision
    if precision == "int8":
        raise EngineUnavailable(
            f"{name} needs an INT8 file, and one is calibrated on images of your choice; make it "
            "with: retinaface export --precision int8 --calibration DIR --output FILE.onnx, and "
            "give it with --model FILE.onnx"
        )
    return cached_export(weights, precision=precision, dynamic_size=dynamic_size)
