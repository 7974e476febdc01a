"""From a name to an engine that is built, proved and open."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import BUILTIN, EngineEntry, find_engine
from retinaface.engines.importing import importing
from retinaface.engines.options import check_options
from retinaface.errors import EngineUnavailable, RetinaFaceError

Factory = Callable[[EngineSpec], Engine]
# Where built-in engines lay before each runtime had a folder: `--engine` may name them by path.
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


def open_engine(
    name: str,
    *,
    model: Path | None = None,
    engine_file: Path | None = None,
    build: int = 1,
    weights: str | Path | None = None,
    max_batch: int = 32,
    input_size_px: tuple[int, int] | None = (320, 320),
    threads: int | None = None,
    shares_cpus: bool = False,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """Build an engine.

    Args:
        name: A built-in name, an entry point, or `package.module:factory`.
        model: The file to load, or to build from. Without one, an engine that loads ONNX gets an
            export of `weights`, made once and kept in the cache.
        engine_file: A prebuilt engine to load; then nothing is exported or built.
        build: Which build: another number is built anew, where builds are files.
        weights: Checkpoint, `embedded`, or None for the published checkpoint.
        max_batch: Most images in one call.
        input_size_px: Height and width of every input; None where they follow the image.
        threads: Of the runtime, inside one call.
        shares_cpus: Other threads work while it runs, as in `detect`; see `EngineSpec`.
        options: Further settings, each runtime's own.

    Returns:
        The engine, to be used in a `with` statement.

    Raises:
        EngineUnavailable: Unknown, not installed, cannot run here, or cannot run this model.
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found.
        ExportError: The export cannot be made.
    """
    entry = find_engine(name)
    factory = import_factory(name, entry.factory)  # before an export is made for nothing
    _check_options(name, options or {}, factory)
    spec = _spec(
        name,
        entry,
        model=model,
        engine_file=engine_file,
        build=build,
        weights=weights,
        max_batch=max_batch,
        input_size_px=input_size_px,
        threads=threads,
        shares_cpus=shares_cpus,
        options=options,
    )
    return build_engine(spec, entry.factory)


def _spec(
    name: str,
    entry: EngineEntry,
    *,
    model: Path | None = None,
    engine_file: Path | None = None,
    build: int = 1,
    weights: str | Path | None = None,
    max_batch: int = 32,
    input_size_px: tuple[int, int] | None = (320, 320),
    threads: int | None = None,
    shares_cpus: bool = False,
    options: Mapping[str, str] | None = None,
) -> EngineSpec:
    """A whole specification; the file is there, or is made."""
    if model is not None and not model.exists():
        raise EngineUnavailable(f"{name}: model {model} does not exist; check --model")
    if engine_file is not None:
        _check_engine_file(name, entry, engine_file, model)
    elif entry.loads_onnx and model is None:
        model = _exported(name, entry, weights, dynamic_size=input_size_px is None)
    height, width = input_size_px or (None, None)
    return EngineSpec(
        name=name,
        precision=entry.precision,
        device=entry.device,
        model=model,
        engine_file=engine_file,
        build=build,
        weights=weights,
        max_batch=max_batch,
        height_px=height,
        width_px=width,
        threads=threads,
        shares_cpus=shares_cpus,
        options=dict(options or {}),
    )


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


def build_engine(spec: EngineSpec, location: str) -> Engine:
    """Build an engine from a whole specification.

    Args:
        spec: What it is asked to be.
        location: Its factory, `package.module:name`.

    Raises:
        EngineUnavailable: It cannot be imported, knows no such option, or cannot be built.
    """
    factory = import_factory(spec.name, location)
    _check_options(spec.name, spec.options, factory)
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
        _check_options(spec.name, spec.options, type(engine))
    except EngineUnavailable:
        engine.close()
        raise
    if spec.engine_file is not None and engine.built_file != spec.engine_file:
        engine.close()
        raise EngineUnavailable(
            f"{spec.name} was given the engine file {spec.engine_file} and does not say that it "
            f"runs it (its built_file is {engine.built_file}); leave --engine-file out, or have "
            "the engine load spec.engine_file and set built_file"
        )
    return engine


def _check_options(name: str, options: Mapping[str, str], maker: object) -> None:
    """Refuse an option that a class does not declare; a function declares none before it built."""
    if isinstance(maker, type) and issubclass(maker, Engine):
        check_options(name, options, maker.known_options, maker.other_options_go_to)


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


def _exported(
    name: str, entry: EngineEntry, weights: str | Path | None, *, dynamic_size: bool
) -> Path:
    with importing(
        f"{name} needs an ONNX file, and what makes one",
        "give --model FILE.onnx, or install the extra 'export'",
    ):
        from retinaface.export.cache import cached_export
    precision = entry.source_precision or entry.precision
    return cached_export(weights, precision=precision, dynamic_size=dynamic_size)
