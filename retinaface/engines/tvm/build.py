"""Find Apache TVM, distinguish it from other modules of its name, and compile for a target.

Its Relax frontend needs the batch size to read `Resize`, so a file is compiled for one image.
"""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build, refusing
from retinaface.engines.importing import importing
from retinaface.engines.tvm import schedule
from retinaface.engines.tvm.target import CPU, has_wide_registers
from retinaface.environment import n_usable_cpus, package_versions, version_of
from retinaface.errors import EngineUnavailable
from retinaface.network.config import INPUT_NAME

INSTALL = "install the extra 'tvm'"
STATEMENT = "compiled_for"  # the library's function that returns its target, as bytes


def import_tvm() -> Any:
    """Import TVM, from any maker.

    A variable limits TVM's threads. Without it TVM may use only half of the processors, because it
    takes the others for their siblings. TVM also pins its threads, which moves the calling thread
    off the processors that `taskset` allows. So this sets both variables, unless they are set.

    Raises:
        EngineUnavailable: TVM cannot be imported.
    """
    os.environ.setdefault("TVM_NUM_THREADS", str(n_usable_cpus()))
    os.environ.setdefault("TVM_BIND_THREADS", "0")
    with importing("tvm", INSTALL):
        return importlib.import_module("tvm")


def find_tvm(spec: EngineSpec) -> tuple[Any, Any]:
    """Import TVM and its Relax, which vendors' older versions lack.

    Returns:
        `tvm`, `tvm.relax`.

    Raises:
        EngineUnavailable: This TVM has no Relax.
    """
    tvm = import_tvm()
    try:
        return tvm, importlib.import_module("tvm.relax")
    except ImportError as error:
        raise EngineUnavailable(
            f"{spec.name} needs Apache TVM with Relax, but tvm {version_of(tvm)} here has none "
            f"({error}): a vendor's own TVM may have the same name; {INSTALL} "
            "in another environment"
        ) from error


def built_library(spec: EngineSpec, tvm: Any, target: Any, model: Path) -> Path:
    """Compile an ONNX file for one image, or find the library in the cache.

    Args:
        model: ONNX file with a free batch size, or a batch of 1.

    Raises:
        EngineUnavailable: TVM cannot compile the file, or there is no linker.
    """
    if importlib.import_module("tvm.support.cc").get_cc() is None:
        raise EngineUnavailable(
            f"{spec.name}: tvm {tvm.__version__} needs a C++ compiler to link a library, and there "
            "is none; install g++, or give a library: --engine-file FILE.so"
        )
    key = {
        "target": str(target),
        "packages": package_versions(("apache-tvm", "apache-tvm-ffi", "onnx")),
        "code": [inspect.getsource(part) for part in (_compile, _statement, schedule)],
    }

    def build(path: Path) -> None:
        shape = (1, 3, spec.height_px, spec.width_px)
        with refusing(f"{spec.name}: tvm {tvm.__version__} cannot compile {model} for {target}"):
            _compile(tvm, target, model, shape).export_library(str(path))

    return cached_build(spec, model, ".so", key, build)


def _compile(tvm: Any, target: Any, model: Path, shape: tuple[Any, ...]) -> Any:
    """Read the file, fuse, order the loops for a processor, and compile an executable."""
    import onnx

    relax = importlib.import_module("tvm.relax")
    frontend = importlib.import_module("tvm.relax.frontend.onnx")
    module = frontend.from_onnx(onnx.load(model), shape_dict={INPUT_NAME: list(shape)})
    with target:
        if target.kind.name == CPU:
            module = relax.transform.ConvertLayout(schedule.CHANNELS_LAST)(module)
            module = relax.get_pipeline("zero")(module)
            is_wide = has_wide_registers(tvm, target)
            module = schedule.with_cpu_loops(module, is_wide=is_wide)
        module[STATEMENT] = _statement(relax, str(target))
        return tvm.compile(module, target=target)


def _statement(relax: Any, text: str) -> Any:
    """Make a Relax function that returns a text."""
    builder = relax.BlockBuilder()
    with builder.function(STATEMENT, []):
        builder.emit_func_output(relax.const(np.frombuffer(text.encode(), np.uint8)))
    return builder.get()[STATEMENT]


def stated_target(machine: Any) -> str | None:
    """Ask a library for its target; None if this package did not compile it.

    Args:
        machine: Relax's virtual machine with the library loaded.
    """
    try:
        function = machine[STATEMENT]
    except AttributeError:  # TVM's error for a missing function
        return None
    return bytes(function().numpy()).decode()
