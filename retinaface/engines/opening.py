"""Build and open an engine by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import BUILTIN, EngineEntry, find_engine
from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable, RetinaFaceError
from retinaface.files import refuse_pointer

if TYPE_CHECKING:
    from typing_extensions import Unpack  # only the type checker needs it

Factory = Callable[[EngineSpec], Engine]
_SIZE_PX = (320, 320)
# Old modules of built-in engines, which `--engine` may still name.
_MOVED = {
    f"retinaface.engines.{old}": f"retinaface.engines.{new}"
    for old, new in {
        "igie": "iluvatar.igie",
        "ixrt": "iluvatar.ixrt",
        "ncnn": "ncnn.engine",
        "onnxruntime": "onnxruntime.cpu",
        "onnxruntime_device": "onnxruntime.cuda",
        "onnxruntime_tensorrt": "onnxruntime.tensorrt",
        "openvino": "openvino.engine",
        "tensorrt": "tensorrt.engine",
        "torch": "torch.eager",
        "torch_compile": "torch.compiled",
        "tvm": "tvm.engine",
    }.items()
}


class EngineSettings(TypedDict, total=False):
    """Settings of an engine beside its name; defaults are those of `EngineSpec`.

    Attributes:
        model: The file to load or to build from. Without one, an engine that loads ONNX gets an
            export of `weights` from the cache.
        engine_file: A prebuilt engine to load; then nothing is exported or built.
        build: Number of the build; another number builds again, where builds are files.
        weights: Checkpoint, `embedded`, or None for the published checkpoint.
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
    max_batch: int
    input_size_px: tuple[int, int] | None
    threads: int | None
    shares_cpus: bool
    options: Mapping[str, str] | None


def open_engine(name: str, **settings: Unpack[EngineSettings]) -> Engine:
    """Build an engine.

    Args:
        name: A built-in name, an entry point, or `package.module:factory`.
        **settings: See `EngineSettings`.

    Returns:
        The engine, for use in a `with` statement.

    Raises:
        EngineUnavailable: The engine is unknown, not installed, refuses an option, or cannot run
            here or run this model.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made.
    """
    entry = find_engine(name)
    factory = import_factory(name, entry.factory)  # fail before an export is made in vain
    _check_options(name, entry.device, settings.get("options") or {}, factory)
    return build_engine(specify(name, **settings), entry.factory)


def specify(name: str, **settings: Unpack[EngineSettings]) -> EngineSpec:
    """Make the complete specification of an engine, which may run in another environment.

    Args:
        name: See `open_engine`.
        **settings: See `EngineSettings`; files are checked, and a needed export is made.

    Raises:
        EngineUnavailable: The engine is unknown, or a file is missing or does not fit the others.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made.
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
    if spec.engine_file is not None:
        _check_engine_file(name, entry, spec.engine_file, spec.model)
    elif entry.loads_onnx and spec.model is None:
        is_free = height_px is None
        return replace(spec, model=_export_file(name, entry, spec.weights, dynamic_size=is_free))
    return spec


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


def build_engine(spec: EngineSpec, location: str) -> Engine:
    """Build an engine from a complete specification.

    Args:
        location: The factory, `package.module:name`.

    Raises:
        EngineUnavailable: The engine cannot be imported, refuses an option, or cannot be built.
    """
    factory = import_factory(spec.name, location)
    _check_options(spec.name, spec.device, spec.options, factory)
    try:
        engine = factory(spec)
    except RetinaFaceError:
        raise
    except Exception as error:  # a third party's code, or a runtime's
        raise EngineUnavailable(
            f"engine {spec.name} cannot be built: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(engine, Engine):
        raise EngineUnavailable(
            f"engine {spec.name}: {location} gave {type(engine).__name__}, expected a "
            "retinaface.engines.base.Engine"
        )
    try:
        _check_options(spec.name, spec.device, spec.options, type(engine))
    except EngineUnavailable:
        engine.close()
        raise
    if spec.engine_file is not None and engine.built_file != spec.engine_file:
        engine.close()
        raise EngineUnavailable(
            f"{spec.name} got the engine file {spec.engine_file}, but does not confirm that it "
            f"runs it (its built_file is {engine.built_file}); leave --engine-file "
            "out, or have the engine load spec.engine_file and set built_file"
        )
    return engine


def check_named_options(name: str, options: Mapping[str, str]) -> None:
    """Refuse an undeclared option before anything is exported or built.

    An engine that cannot be imported is passed over; opening it reports the reason.

    Raises:
        EngineUnavailable: The engine is unknown or does not declare an option.
    """
    entry = find_engine(name)
    try:
        factory = import_factory(name, entry.factory)
    except EngineUnavailable:
        return
    _check_options(name, entry.device, options, factory)


def _check_options(name: str, device: str, options: Mapping[str, str], maker: object) -> None:
    """Refuse an option that a class does not declare; a function declares options only later."""
    if isinstance(maker, type) and issubclass(maker, Engine):
        maker.check_options(name, device, options)


def import_factory(name: str, location: str) -> Factory:
    """Import an engine's factory.

    Raises:
        EngineUnavailable: It cannot be imported.
    """
    module_name, _, attribute = location.partition(":")
    module_name = _MOVED.get(module_name, module_name)
    try:
        return cast(Factory, getattr(importlib.import_module(module_name), attribute))
    except RetinaFaceError:
        raise
    except (Exception, SystemExit) as error:  # importing runs a third party's code
        raise EngineUnavailable(
            f"engine {name}: cannot import {location} ({type(error).__name__}: {error}); "
            "check the name, or install it"
        ) from error


def _export_file(
    name: str, entry: EngineEntry, weights: str | Path | None, *, dynamic_size: bool
) -> Path:
    with importing(
        f"{name} needs an ONNX file, but the exporter",
        "give --model FILE.onnx, or install the extra 'export'",
    ):
        from retinaface.export.cache import cached_export
    precision = entry.source_precision or entry.precision
    return cached_export(weights, precision=precision, dynamic_size=dynamic_size)
