"""Build and open an engine by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.catalogue import find_engine
from retinaface.engines.specify import EngineSettings, specify
from retinaface.errors import EngineUnavailable, RetinaFaceError

if TYPE_CHECKING:
    from typing_extensions import Unpack  # only the type checker needs it

Factory = Callable[[EngineSpec], Engine]
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
        ModelError: The model is damaged, or not of this network.
    """
    entry = find_engine(name)
    factory = import_factory(name, entry.factory)  # fail before an export is made in vain
    _check_options(name, entry.device, settings.get("options") or {}, factory)
    return build_engine(specify(name, **settings), entry.factory)


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
