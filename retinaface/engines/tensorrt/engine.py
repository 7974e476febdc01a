"""Run plans with NVIDIA's TensorRT 10 or 11. Not yet run on hardware.

`build` lists the assumptions about its calls and releases.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import build_seconds
from retinaface.engines.sources import check_batch, check_largest
from retinaface.engines.staged import StagedEngine, mean_seconds
from retinaface.engines.tensorrt.build import built_plan, find_tensorrt, import_tensorrt, logger_of
from retinaface.engines.tensorrt.cuda_memory import Cuda, Tensor, import_cuda
from retinaface.engines.tensorrt.layers import check_types, inspected, placement_of
from retinaface.engines.tensorrt.profile import Profile, written
from retinaface.environment import command_output
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

import_tensorrt()  # fail before an export is made in vain


class TensorRtEngine(StagedEngine):
    """A plan on the first device, which takes every batch up to the largest."""

    known_options: ClassVar = {
        "batch": "the largest batch to build for, if it is more than the run's"
    }

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._trt = find_tensorrt(spec, builds=spec.engine_file is None)
        self._runtime = f"tensorrt {self._trt.__version__}"
        self._cuda = Cuda(spec, import_cuda(spec))
        self._engine: Any = None
        self._context: Any = None
        self._tensors: dict[str, Tensor] = {}
        self._shape: tuple[int, ...] = ()
        started = time.perf_counter()
        try:
            self._file = self.built_file = spec.engine_file or built_plan(
                spec, self._trt, self._cuda
            )
            self._build_s = build_seconds(started, self._file)
            self._engine, self._context = self._open(self._file)
            layers = inspected(self._trt, self._engine)
            check_types(spec, self._file, layers)
            self._placement = placement_of(layers)
            self._profile = self._check_tensors()
            self._bind()
            self._probe()
        except BaseException:
            self.close()  # nobody else frees memory on the device
            raise
        self._driver = command_output(
            "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"
        )

    def _open(self, file: Path) -> tuple[Any, Any]:
        """Open the engine and the context of a plan."""
        trt, logger = self._trt, logger_of(self._trt)
        try:
            self._loader = trt.Runtime(logger)  # it must outlive its engines
            engine = self._loader.deserialize_cuda_engine(file.read_bytes())
            context = engine.create_execution_context() if engine is not None else None
            if context is None:
                raise RuntimeError(f"it returned nothing: {logger.take_errors()}")
        except Exception as error:  # the runtime's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {file} with TensorRT {trt.__version__}: "
                f"{first_line(error)}; build it again: a plan runs only on the version and kind "
                "of device that built it"
            ) from error
        return engine, context

    def _check_tensors(self) -> Profile:
        """Compare names and shapes of a plan with the specification.

        Returns:
            The input shapes that the plan was built for.
        """
        trt, engine, spec = self._trt, self._engine, self.spec
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        inputs = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        outputs = sorted(set(names) - set(inputs))
        if inputs != [INPUT_NAME] or outputs != sorted(OUTPUT_NAMES):
            raise EngineUnavailable(
                f"{spec.name} cannot run {self._file}: expected {INPUT_NAME} -> "
                f"{', '.join(OUTPUT_NAMES)}, got {', '.join(inputs)} -> {', '.join(outputs)}; "
                "build it from a file of retinaface export"
            )
        shape = _dims(engine.get_tensor_shape(INPUT_NAME))
        profile = Profile(shape, shape, shape)
        if min(shape) < 0:
            profile = Profile(*map(_dims, engine.get_tensor_profile_shape(INPUT_NAME, 0)))
        self._check_shapes(profile, is_free=min(shape[2:]) < 0)
        return profile

    def _check_shapes(self, profile: Profile, *, is_free: bool) -> None:
        spec, (smallest, _, largest) = self.spec, profile
        size = (spec.height_px, spec.width_px)
        fits = is_free
        if None not in size:
            sides = zip(smallest[2:], size, largest[2:], strict=True)
            fits = all(least <= (px or 0) <= most for least, px, most in sides)
        n_least, n_most = smallest[0], largest[0]
        if largest[1] != 3 or not fits or n_least not in (1, n_most):
            wanted = "free height and width" if None in size else f"{size[0]}x{size[1]} inputs"
            raise EngineUnavailable(
                f"{spec.name}: {self._file} is built for inputs from {written(smallest)} to "
                f"{written(largest)}, but {wanted} in batches from 1 are needed; build it for them"
            )
        check_batch(spec, n_most, self._file)
        check_largest(spec, n_most, self._file)
        if n_least == n_most:
            self.fixed_batch = n_most

    def _bind(self) -> None:
        """Allocate memory for the largest shapes, with fixed addresses."""
        trt, engine, context = self._trt, self._engine, self._context
        self._set_shape(self._profile.largest)
        for name in (INPUT_NAME, *OUTPUT_NAMES):
            dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
            largest = _dims(context.get_tensor_shape(name))
            if dtype.kind != "f" or min(largest) < 1:
                raise EngineUnavailable(
                    f"{self.spec.name} cannot run {self._file}: {name} should be FP32 or FP16 of a "
                    f"known shape, got {dtype} {largest}; build it from a file of retinaface export"
                )
            try:
                self._tensors[name] = tensor = Tensor(self._cuda, largest, dtype)
            except RuntimeError as error:
                raise EngineUnavailable(
                    f"{self.spec.name} cannot allocate {name} {written(largest)}: {error}; use a "
                    "smaller --batch, or check what else fills the device: nvidia-smi"
                ) from error
            if context.set_tensor_address(name, tensor.address) is False:
                raise EngineUnavailable(
                    f"{self.spec.name}: TensorRT takes no address for {name}: "
                    f"{logger_of(trt).take_errors()}"
                )

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        if shape == self._shape:
            return
        if not self._context.set_input_shape(INPUT_NAME, shape):
            raise RuntimeError(
                f"TensorRT takes no input {written(shape)}: {logger_of(self._trt).take_errors()}"
            )
        self._shape = shape

    def _probe(self) -> None:
        """Run once, so a failing device fails here."""
        size = (self.spec.height_px or 320, self.spec.width_px or 320)
        try:
            self._run(np.zeros((self.fixed_batch or 1, 3, *size), np.float32))
        except Exception as error:  # the runtime's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot run {self._file}: {type(error).__name__}: "
                f"{first_line(error)}; check whether the device is free: nvidia-smi"
            ) from error

    def _load(self, images: FloatArray) -> None:
        self._set_shape(images.shape)
        tensor = self._tensors[INPUT_NAME]
        host = tensor.host(images.shape)
        np.copyto(host, images, casting="same_kind")
        self._cuda.to_device(tensor.address, host)
        self._cuda.wait()

    def _execute(self) -> None:
        self._start()
        self._cuda.wait()

    def _run_back_to_back(self, n: int) -> float:
        return mean_seconds(self._start, n, self._cuda.wait)

    def _start(self) -> None:
        if not self._context.execute_async_v3(self._cuda.stream):
            raise RuntimeError(
                f"execute_async_v3 returned False: {logger_of(self._trt).take_errors()}"
            )

    def _fetch(self) -> RawOutputs:
        hosts = []
        for name in OUTPUT_NAMES:
            shape = _dims(self._context.get_tensor_shape(name))
            hosts.append(self._tensors[name].host(shape))
            self._cuda.from_device(hosts[-1], self._tensors[name].address)
        self._cuda.wait()
        return RawOutputs(
            *(host.astype(np.float32) for host in hosts)
        )  # copies, because the host memory is reused

    def _device_facts(self) -> dict[str, Any]:
        return {
            "device_name": self._cuda.name,
            "compute_capability": self._cuda.capability,
            "driver": self._driver,
            "cuda_of_driver": self._cuda.cuda_of_driver,
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "batch": self.fixed_batch or f"1 to {self._profile.largest[0]}",
            "profile": [written(shape) for shape in self._profile],
            "input_type": str(self._tensors[INPUT_NAME].dtype) if self._tensors else None,
            "options": dict(self.spec.options),
            "model": self.spec.model.name if self.spec.model else None,
            "engine_file": self._file.name,
            "engine_file_sha256": file_sha256(self._file),
            "build": self.spec.build,
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._tensors = {}
        self._context = self._engine = None
        self._cuda.close()
        super().close()


def _dims(shape: Any) -> tuple[int, ...]:
    return tuple(int(axis) for axis in shape)
