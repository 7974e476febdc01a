"""Run a module that IREE compiled for the CPU, with any number of images in a call."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from retinaface.children.start import run
from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.builds import build_seconds, check_scores, output_shapes
from retinaface.engines.importing import importing
from retinaface.engines.iree.build import HOST, INSTALL, built_module, target_cpu
from retinaface.environment import n_usable_cpus, package_versions, signal_name
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

with importing("iree.runtime", INSTALL):
    import iree.runtime as iree

_PACKAGE = "iree-base-runtime"  # its module states no version
_DEVICE = "local-task"  # IREE's CPU with threads; `local-sync` has none
_TRIAL_S = 120
# Loads a module and runs it once, in a process that it may end.
_TRIAL = """
import sys
import numpy
import iree.runtime as iree
config = iree.Config("local-sync")
module = iree.VmModule.mmap(config.vm_instance, sys.argv[1])
loaded = iree.load_vm_module(module, config)
shape = tuple(map(int, sys.argv[3].split("x")))
loaded[sys.argv[2]](numpy.zeros(shape, numpy.float32))
"""


class _Threads:
    """The threads of the process: IREE makes them once, for all engines."""

    def __init__(self) -> None:
        self._lock, self._n = threading.Lock(), 0

    def start(self, n: int) -> int:
        """Make `n` threads, unless there are some; give their number."""
        with self._lock:
            if not self._n:
                # Threads that are not tied to processors: those of `taskset` hold.
                iree.flags.parse_flags(f"--task_topology_group_count={n}")
                iree.get_device(_DEVICE)
                self._n = n
            return self._n


_THREADS = _Threads()


class IreeEngine(Engine):
    """A module (.vmfb) that computes in the types of the file that it was compiled from.

    One call runs at a time, on all threads of the process; the first engine decides how many.
    """

    _runtime = f"iree {package_versions([_PACKAGE])[_PACKAGE]}"
    known_options: ClassVar[Mapping[str, str]] = {
        "target_cpu": "the processor to compile for, as LLVM names it: x86-64-v3 (default: host)"
    }

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._threads = _THREADS.start(spec.threads or n_usable_cpus())
        started = time.perf_counter()
        if spec.engine_file is None:
            self._file, self.fixed_batch = built_module(spec)
        else:
            self._file = spec.engine_file
        self.built_file = self._file
        self._size = (spec.height_px or 320, spec.width_px or 320)
        self._module: Any = None
        self._open()
        self._prove()
        self._build_s = build_seconds(started, self._file)
        # The runtime loads the module onto one device, whose every part runs there or not at all.
        self._placement = {
            "provider": f"iree {_DEVICE} (CPU)",
            "fallback": [],
            "proof": f"the module is loaded onto {_DEVICE} alone",
        }

    def _open(self) -> None:
        """Load the module, and find its function."""
        name, file = self.spec.name, self._file
        self._config = iree.Config(_DEVICE)
        try:
            module = iree.VmModule.mmap(self._config.vm_instance, str(file))
            functions = [f for f in module.function_names if "$" not in f and not f.startswith("_")]
        except Exception as error:  # IREE's exceptions share no base
            raise EngineUnavailable(
                f"{name} cannot load {file} with {self._runtime}: {first_line(error)}; compile it "
                "with this version"
            ) from error
        if len(functions) != 1:
            raise EngineUnavailable(
                f"{name}: {file} should have one function, got {', '.join(functions) or 'none'}; "
                "compile it from a file of retinaface export"
            )
        if self.spec.engine_file is not None or target_cpu(self.spec) != HOST:
            self._try_in_a_child(functions[0])
        try:
            self._module = iree.load_vm_module(module, self._config)
        except Exception as error:  # IREE's exceptions share no base
            raise EngineUnavailable(
                f"{name} cannot load {file} with {self._runtime}: {first_line(error)}; compile it "
                "for this machine's processor"
            ) from error
        self._function = self._module[functions[0]]

    def _try_in_a_child(self, function: str) -> None:
        """Run a module once in a child: one for another processor ends its process."""
        shape = "x".join(map(str, (self.fixed_batch or 1, 3, *self._size)))
        words = [sys.executable, "-c", _TRIAL, str(self._file), function, shape]
        try:
            ended = run(words, timeout_s=_TRIAL_S)
        except subprocess.TimeoutExpired as error:
            raise EngineUnavailable(
                f"{self.spec.name}: {self._file} did not run one image within {_TRIAL_S} s; "
                "compile it for this machine's processor"
            ) from error
        if ended.returncode < 0:
            raise EngineUnavailable(
                f"{self.spec.name}: {self._file} ends its process by "
                f"{signal_name(-ended.returncode)}: it was compiled for another processor; "
                "compile it for this one, without target_cpu"
            )
        if ended.returncode:
            said = (ended.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise EngineUnavailable(
                f"{self.spec.name} cannot run {self._file} on {shape} FP32: {said}; compile it "
                "from a file of retinaface export, with this version of IREE"
            )

    def _prove(self) -> None:
        """Run once, and check shapes and values of the outputs."""
        name, (height, width) = self.spec.name, self._size
        probe = np.zeros((self.fixed_batch or 1, 3, height, width), np.float32)
        try:
            found = self._outputs(probe)
            got = [tuple(output.shape) for output in found]
        except Exception as error:  # IREE's exceptions share no base
            raise EngineUnavailable(
                f"{name} cannot run {self._file} on {probe.shape} FP32: {first_line(error)}; "
                "compile it from a file of retinaface export"
            ) from error
        if got != (expected := output_shapes(len(probe), len(prior_boxes(height, width)))):
            raise EngineUnavailable(
                f"{name}: {', '.join(OUTPUT_NAMES)} of {self._file} should be {expected}, got "
                f"{got}; compile it from a file of retinaface export"
            )
        check_scores(self.spec, found[1].astype(np.float32), self._file)

    def _outputs(self, images: FloatArray) -> list[FloatArray]:
        """Run a batch; the arrays are copies, owned by the caller."""
        outputs = self._function(images)
        return [np.array(output.to_host()) for output in outputs]

    def _run(self, images: FloatArray) -> RawOutputs:
        return RawOutputs(*(o.astype(np.float32, copy=False) for o in self._outputs(images)))

    def _facts(self) -> dict[str, Any]:
        return {
            "target_cpu": target_cpu(self.spec) if self.spec.engine_file is None else "not stated",
            "threads": self._threads,
            "options": dict(self.spec.options),
            "model": self.spec.model.name if self.spec.model else None,
            "engine_file": self._file.name,
            "engine_file_sha256": file_sha256(self._file),
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._module = self._function = self._config = None
        super().close()
