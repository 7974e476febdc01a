"""Run a library that Apache TVM compiled, image by image, in Relax's virtual machine."""

from __future__ import annotations

import dataclasses
import json
import queue
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.builds import build_seconds, output_shapes
from retinaface.engines.onnx_model import check_file, model_of
from retinaface.engines.sources import fixed_size
from retinaface.engines.threads import threads_and_calls
from retinaface.engines.tvm.build import built_library, find_tvm, import_tvm, stated_target
from retinaface.engines.tvm.target import CPU, lacking_features, target_and_device
from retinaface.environment import n_usable_cpus
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

import_tvm()  # fail before an export is made in vain

_BIG_CORES = 1  # TVM's number for the processors that its threads may use


class TvmEngine(Engine):
    """A library (.so) on the device of its target, compiled from ONNX unless one is given.

    Parallel calls share the library, and each has its own virtual machine.
    """

    known_options: ClassVar = {
        "target": "what to compile for and where to run, as 'llvm -mcpu=x86-64-v3' (default: this "
        "host's processor)"
    }

    _pool = threading.local()  # TVM keeps threads for each thread that calls it

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._size = fixed_size(spec)
        self._tvm, relax = find_tvm(spec)
        self._runtime = f"tvm {self._tvm.__version__}"
        threads, self.parallel_calls = threads_and_calls(spec)
        self._threads = threads or n_usable_cpus()
        self._target, self._device = target_and_device(spec, self._tvm)
        started = time.perf_counter()
        self._file = self.built_file = spec.engine_file or self._build()
        self._machines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stated = self._open(relax)
        self._placement = self._prove_placement()
        self._build_s = build_seconds(started, self._file)

    def _build(self) -> Path:
        model = model_of(self.spec)
        # Images are run one by one, so a batch of one is enough for any number.
        batch = check_file(dataclasses.replace(self.spec, max_batch=1), model)
        if batch not in (None, 1):
            raise EngineUnavailable(
                f"{self.spec.name} runs one image at a time, and {model} takes batches of {batch}; "
                "export with --batch-size dynamic"
            )
        return built_library(self.spec, self._tvm, self._target, model)

    def _open(self, relax: Any) -> str | None:
        """Load the library, and return the target that it states."""
        tvm, name = self._tvm, self.spec.name
        try:
            library = tvm.runtime.load_module(str(self._file))
            for _ in range(self.parallel_calls):
                machine = relax.VirtualMachine(library, self._device)
                self._machines.put(machine)
            stated = stated_target(machine)
            lacking = lacking_features(tvm, tvm.target.Target(json.loads(stated))) if stated else []
        except Exception as error:  # TVM's exceptions share no base
            raise EngineUnavailable(
                f"{name} cannot load {self._file} with tvm {tvm.__version__}: "
                f"{first_line(error)}; compile it with this version, for this machine"
            ) from error
        if lacking:
            raise EngineUnavailable(
                f"{name}: {self._file} was compiled for a processor with {', '.join(lacking[:6])}, "
                "which this one lacks, so it would end the process; compile it for this one"
            )
        return stated

    def _prove_placement(self) -> dict[str, Any]:
        """Run once; read the device from the outputs.

        Raises:
            EngineUnavailable: The outputs are wrong, or on another device.
        """
        name = self.spec.name
        probe = np.zeros((1, 3, *self._size), dtype=np.float32)
        try:
            found = self._outputs(probe)
            self._n_threads = int(self._tvm.get_global_func("runtime.NumThreads")())
            got = [tuple(int(axis) for axis in output.shape) for output in found]
        except Exception as error:  # TVM's exceptions share no base
            raise EngineUnavailable(
                f"{name} cannot run {self._file} on {probe.shape} FP32: {first_line(error)}; "
                "compile it from a file of retinaface export"
            ) from error
        if got != (expected := output_shapes(1, len(prior_boxes(*self._size)))):
            raise EngineUnavailable(
                f"{name}: {', '.join(OUTPUT_NAMES)} of {self._file} should be {expected}, got "
                f"{got}; compile it from a file of retinaface export"
            )
        elsewhere = [
            f"{output_name} on {output.device}"
            for output_name, output in zip(OUTPUT_NAMES, found, strict=True)
            if str(output.device) != str(self._device)
        ]
        if elsewhere:
            raise EngineUnavailable(
                f"{name}: outputs of {self._file} should be on {self._device}, got "
                f"{', '.join(elsewhere)}; compile it for {self._target}"
            )
        return {
            "provider": f"tvm on {self._device}",
            "fallback": [],
            "proof": f"the machine has only {self._device}, and its outputs are there",
        }

    def _outputs(self, image: FloatArray) -> Any:
        """Run one image; return new outputs on the device."""
        if getattr(self._pool, "n_asked", None) != self._threads:
            configure = self._tvm.get_global_func("runtime.config_threadpool")
            configure(_BIG_CORES, self._threads)
            self._pool.n_asked = self._threads
        machine = self._machines.get()
        try:
            found = machine["main"](self._tvm.runtime.tensor(image, self._device))
        finally:
            self._machines.put(machine)
        if len(found) != len(OUTPUT_NAMES):
            raise RuntimeError(f"expected {', '.join(OUTPUT_NAMES)}, got {len(found)} outputs")
        return found

    def _run(self, images: FloatArray) -> RawOutputs:
        each = [[o.numpy() for o in self._outputs(image[None])] for image in images]
        return RawOutputs(*(np.concatenate(arrays) for arrays in zip(*each, strict=True)))

    def _device_facts(self) -> dict[str, Any]:
        is_cpu = self._target.kind.name == CPU
        return {"device": self.spec.device if is_cpu else str(self._device)}

    def _facts(self) -> dict[str, Any]:
        return {
            "target": self._stated or f"not stated by {self._file.name}",
            "threads": self._n_threads,  # TVM's own number, at most one a processor
            "parallel_calls": self.parallel_calls,
            "images_per_call": 1,
            "options": dict(self.spec.options),
            "model": self.spec.model.name if self.spec.model else None,
            "engine_file": self._file.name,
            "engine_file_sha256": file_sha256(self._file),
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._machines = queue.SimpleQueue()
        super().close()
