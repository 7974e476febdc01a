"""Find NVIDIA's TensorRT, distinguish it from other modules of its name, and build plans.

The code uses what the Python references of 10.x and 11.x have in common. Networks are strongly
typed: types come from the file, so FP16 is built from the FP16 file. All networks of 11 are so, and
10 has a flag for it. The flag that let 10 choose FP16 itself left open which layers took it, and 11
no longer has it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build, refusing
from retinaface.engines.iluvatar.board import is_ixrt
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import check_file, model_of
from retinaface.engines.sources import batch_option, check_batch, check_largest
from retinaface.engines.tensorrt.cuda_memory import Cuda
from retinaface.engines.tensorrt.libraries import PACKAGES
from retinaface.engines.tensorrt.profile import profile_of
from retinaface.environment import package_versions, version_of
from retinaface.errors import EngineUnavailable

INSTALL = "install the extra 'tensorrt' (CUDA 13) or 'tensorrt-cu12' (see docs/gpu.md)"
_OLDEST = 10
_LOADS = ("ILogger", "Runtime", "TensorIOMode", "LayerInformationFormat", "nptype")
_BUILDS = ("Builder", "OnnxParser", "BuilderFlag", "NetworkDefinitionCreationFlag")


def import_tensorrt() -> Any:
    """Import the module `tensorrt`, from any maker.

    Raises:
        EngineUnavailable: The module cannot be imported.
    """
    with importing("tensorrt", INSTALL):
        return importlib.import_module("tensorrt")


def find_tensorrt(spec: EngineSpec, *, builds: bool) -> Any:
    """Import TensorRT, and check that it is NVIDIA's and not too old.

    Args:
        builds: Whether an engine will be built, not only loaded.

    Raises:
        EngineUnavailable: The module is ixRT, older than 10, or incomplete.
    """
    trt = import_tensorrt()
    version = version_of(trt)
    if is_ixrt(trt):
        raise EngineUnavailable(
            f"{spec.name} needs NVIDIA's TensorRT, but the module tensorrt {version} here is "
            f"Iluvatar's ixRT; use ixrt-iluvatar-fp16, or {INSTALL} in another environment"
        )
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST:
        raise EngineUnavailable(f"{spec.name} needs TensorRT 10 or 11, got {version}; {INSTALL}")
    wanted = (*_LOADS, *_BUILDS) if builds else _LOADS
    if lacking := [name for name in wanted if not hasattr(trt, name)]:
        raise EngineUnavailable(
            f"{spec.name}: tensorrt {version} here lacks {', '.join(lacking)}; {INSTALL}"
        )
    return trt


@functools.cache
def logger_of(trt: Any) -> Any:
    """Make the process's only logger, which keeps errors; TensorRT takes one for its lifetime."""
    severities = trt.ILogger.Severity
    bad = (severities.ERROR, severities.INTERNAL_ERROR)

    class Logger(trt.ILogger):  # type: ignore[misc]  # its base is known only at run time
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # required by its reference
            self.lines: deque[str] = deque(maxlen=3)

        def log(self, severity: Any, msg: str) -> None:
            """Store an error; TensorRT calls this."""
            if severity in bad:
                self.lines.append(" ".join(str(msg).split()))

        def take_errors(self) -> str:
            """Return the last errors, and forget them."""
            text = "; ".join(self.lines)
            self.lines.clear()
            return text or "TensorRT gave no reason"

    return Logger()


def built_plan(spec: EngineSpec, trt: Any, cuda: Cuda) -> Path:
    """Build a plan from an ONNX file, or find it in the cache.

    Args:
        spec: The largest batch is its `max_batch`, or the option's if that is larger.
        cuda: The device to build for and to time on.

    Raises:
        EngineUnavailable: The file does not fit, or the build fails.
    """
    model = model_of(spec)
    batch = check_file(spec, model, splits=False) or batch_option(spec) or spec.max_batch
    check_batch(spec, batch, model)
    check_largest(spec, batch, model)
    key = {
        "batch": batch,
        "tensorrt": str(trt.__version__),
        "packages": package_versions((*PACKAGES, "onnx")),
        "device": [cuda.name, cuda.capability, cuda.cuda_of_driver],
        "code": "".join(inspect.getsource(part) for part in (_plan, _parse, profile_of)),
    }

    def build(path: Path) -> None:
        with refusing(f"{spec.name}: TensorRT {trt.__version__} cannot build {model}"):
            path.write_bytes(_plan(replace(spec, max_batch=batch), trt, model))

    return cached_build(spec, model, ".plan", key, build)


def _plan(spec: EngineSpec, trt: Any, model: Path) -> bytes:
    """Build a serialized engine for all shapes that the run needs.

    It loads no cache of timings, so another build chooses independently.
    """
    logger = logger_of(trt)
    builder = trt.Builder(logger)
    # 11 ignores the flag: all its networks are strongly typed.
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    _parse(trt, network, logger, model)
    settings = builder.create_builder_config()
    settings.clear_flag(trt.BuilderFlag.TF32)  # on by default: 10 of 23 bits are not FP32
    settings.profiling_verbosity = (
        trt.ProfilingVerbosity.DETAILED
    )  # it shows types of layers, the proof
    image = network.get_input(0)
    axes = [int(axis) for axis in image.shape]
    if min(axes) < 0:
        profile = builder.create_optimization_profile()
        profile.set_shape(image.name, *profile_of(spec, axes))
        settings.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise RuntimeError(f"build_serialized_network returned nothing: {logger.take_errors()}")
    return bytes(plan)


def _parse(trt: Any, network: Any, logger: Any, model: Path) -> None:
    """Fill a network from a file."""
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        errors = [" ".join(str(parser.get_error(i)).split()) for i in range(parser.num_errors)]
        raise RuntimeError("; ".join(errors) or logger.take_errors())
