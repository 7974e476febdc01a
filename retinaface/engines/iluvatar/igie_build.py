"""Find the vendor's TVM, check that it is complete, and build engine files with it.

The assumptions about IGIE come from the vendor's scripts (Deep-Spark/DeepSparkInference,
`models/cv/object_detection/igie_common/build_engine.py` and `retinaface/igie/inference.py`;
docs/board-evidence.md gives each call and its source):
`tvm.target.iluvatar(model=, options=)`, `tvm.relay.import_model.import_model_to_igie(path, shapes,
backend="igie")`, `tvm.relay.build(..., precision=)`, `export_library`, `tvm.runtime.load_module`,
`tvm.contrib.graph_executor.GraphModule`. Where a TVM has Relay and lacks the vendor's additions,
Apache TVM's own replace them: `relay.frontend.from_onnx`, `relay.transform.ToMixedPrecision`.
A TVM without Relay builds with Relax, as the vendor's newer scripts do:
`tvm.relax.frontend.onnx.from_onnx(model, shape_dict=)`, `relax.build(module, target=, precision=)`.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build, refusing
from retinaface.engines.iluvatar.board import WHEELS
from retinaface.engines.importing import importing
from retinaface.environment import package_versions, version_of
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import INPUT_NAME

TARGET = {"model": "MR", "options": "-libs=cudnn,cublas,ixinfer"}
_OPT_LEVEL = 3  # for Apache TVM; the vendor's build chooses by itself


@dataclass(frozen=True)
class Toolchain:
    """A TVM that can load engines.

    Attributes:
        graph_executor: `tvm.contrib.graph_executor`.
        target: The target of builds.
        device: The device to run on.
        relax: `tvm.relax`; None where TVM lacks it.
    """

    tvm: Any
    graph_executor: Any
    target: Any
    device: Any
    relax: Any = None


def import_tvm() -> Any:
    """Import TVM, from any maker.

    Raises:
        EngineUnavailable: TVM cannot be imported.
    """
    with importing("igie engines need IGIE, the vendor's TVM, and tvm", WHEELS):
        return importlib.import_module("tvm")


def find_toolchain(spec: EngineSpec, *, builds: bool) -> Toolchain:
    """Import TVM, and check that it is complete and that the device is there.

    Args:
        spec: Its device is `iluvatar`, or `cpu` for a TVM with Relay and no accelerator.
        builds: Whether an engine will be built, not only loaded.

    Raises:
        EngineUnavailable: A part is missing; the message names the version and all missing parts.
    """
    tvm = import_tvm()
    graph_executor, relax = _submodule("tvm.contrib.graph_executor"), _submodule("tvm.relax")
    make_target: Any = getattr(tvm.target, "iluvatar", None)
    parts = {
        "tvm.contrib.graph_executor": graph_executor or relax,
        "tvm.target.iluvatar": make_target or spec.device == "cpu",
    }
    if builds:
        parts["tvm.relay"] = _submodule("tvm.relay") or relax
    if lacking := [name for name, part in parts.items() if not part]:
        raise EngineUnavailable(
            f"{spec.name} needs IGIE, the vendor's TVM, but tvm {version_of(tvm)} here is a "
            f"different one: it lacks {', '.join(lacking)}; {WHEELS}, in an environment without "
            "apache-tvm"
        )
    try:
        target = tvm.target.Target("llvm") if spec.device == "cpu" else make_target(**TARGET)
        device = tvm.device(target.kind.name, 0)
    except Exception as error:  # TVM's exceptions have no base of their own
        raise EngineUnavailable(
            f"{spec.name}: tvm {version_of(tvm)} has no target or device {spec.device}: "
            f"{first_line(error)}; {WHEELS}"
        ) from error
    if not getattr(device, "exist", True):  # no script reads it; without it the load fails
        raise EngineUnavailable(
            f"{spec.name} needs {spec.device}: tvm {version_of(tvm)} knows the device, but "
            f"{device} is not there; check whether the driver shows a board: ixsmi"
        )
    return Toolchain(tvm, graph_executor, target, device, relax)


def built_engine(
    spec: EngineSpec, chain: Toolchain, model: Path, shape: tuple[int, int, int, int]
) -> Path:
    """Build an engine file from ONNX, or find it in the cache.

    Args:
        model: ONNX file with FP32 weights.
        shape: Shape of the input: batch, 3, height, width.

    Raises:
        EngineUnavailable: The build fails.
    """
    has_relay = chain.graph_executor is not None and _submodule("tvm.relay") is not None
    make = _build if has_relay else _build_with_relax
    key = {
        "shape": list(shape),
        "target": str(chain.target),
        "tvm": version_of(chain.tvm),
        "packages": package_versions(("igie", "apache-tvm", "tvm", "onnx")),
        "code": inspect.getsource(make),
    }

    def build(path: Path) -> None:
        maker = f"tvm {version_of(chain.tvm)}"
        with refusing(f"{spec.name}: {maker} cannot build {model} for {chain.target}"):
            make(chain, model, shape, spec.precision).export_library(str(path))

    return cached_build(spec, model, ".so", key, build)


def _build(chain: Toolchain, model: Path, shape: tuple[int, ...], precision: str) -> Any:
    """Import the model and compile it, with the vendor's functions if TVM has them."""
    relay = importlib.import_module("tvm.relay")
    vendors = _submodule("tvm.relay.import_model")
    if vendors is not None:
        module, parameters = vendors.import_model_to_igie(
            str(model), {INPUT_NAME: shape}, backend="igie"
        )
    else:
        import onnx

        module, parameters = relay.frontend.from_onnx(
            onnx.load(str(model)), {INPUT_NAME: shape}, freeze_params=True
        )
    arguments = {"target": chain.target, "params": parameters}
    if takes_precision(chain.tvm, relay.build):
        return relay.build(module, **arguments, precision=precision)
    if precision == "fp16":
        module = relay.transform.InferType()(module)
        module = relay.transform.ToMixedPrecision("float16")(module)
    with chain.tvm.transform.PassContext(opt_level=_OPT_LEVEL):
        return relay.build(module, **arguments)


def takes_precision(tvm: Any, build: Any) -> bool:
    """Tell whether a build of this TVM is given `precision=`.

    All of the vendor's scripts pass it, and its signature need not show it (`**kwargs`): without it
    the vendor's build makes another engine and says nothing. Apache TVM has no such argument.
    """
    return is_vendors(tvm) or "precision" in inspect.signature(build).parameters


def is_vendors(tvm: Any) -> bool:
    """Tell whether a TVM has the vendor's additions."""
    return (
        getattr(tvm.target, "iluvatar", None) is not None
        or _submodule("tvm.relay.import_model") is not None
    )


def _build_with_relax(chain: Toolchain, model: Path, shape: tuple[int, ...], precision: str) -> Any:
    """Import the model and compile it with Relax; parameters become constants of the file."""
    import onnx

    frontend: Any = importlib.import_module("tvm.relax.frontend.onnx")
    module = frontend.from_onnx(onnx.load(str(model)), shape_dict={INPUT_NAME: list(shape)})
    if is_vendors(chain.tvm):
        return chain.relax.build(module, target=chain.target, precision=precision)
    if precision != "fp32":
        raise EngineUnavailable(
            f"tvm {version_of(chain.tvm)} has Relax without the vendor's precision=, so it builds "
            "FP32 alone; take an engine of FP32"
        )
    return chain.relax.build(module, target=chain.target)


def _submodule(name: str) -> Any | None:
    """Import a module of TVM; None if this TVM lacks it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            return None
        raise EngineUnavailable(
            f"{name} cannot be imported ({error}); install {error.name} beside the vendor's wheels"
        ) from error
