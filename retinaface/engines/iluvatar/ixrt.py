"""Run plans with ixRT, Iluvatar's runtime with TensorRT's interface. Not yet run on hardware.

`ixrt_build` lists the assumed calls and their source. Bindings are identified by shape, not by
order, because the vendor's own scripts read them in different orders in different releases.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import build_seconds, check_scores, output_shapes
from retinaface.engines.iluvatar.board import board, board_name, vendor_version
from retinaface.engines.iluvatar.heads import flat_heads, softmax
from retinaface.engines.iluvatar.ixrt_build import N_HEADS, built_plan, find_ixrt, import_ixrt
from retinaface.engines.iluvatar.ixrt_tensors import Binding, Launcher, ports
from retinaface.engines.sources import check_batch, fixed_size, read_source, source_batch
from retinaface.engines.staged import StagedEngine, mean_seconds
from retinaface.environment import version_of
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import MOBILENET_025, OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

import_ixrt()  # fail before an export is made in vain

_PROOF = (
    "ixRT, which has no nodes on the host, deserialized and ran the plan; the builder chooses the "
    "precision of each layer, and a plan does not show it"
)


class IxrtEngine(StagedEngine):
    """A plan on the first board, built from ONNX with nine heads unless one is given.

    A given plan (`--engine-file`) may have nine heads or the network's three outputs.
    """

    known_options: ClassVar = {"batch": "images in every call of the plan to build (default 32)"}

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._size, file = fixed_size(spec), spec.engine_file
        self._ixrt, self._cuda, self._cudart = find_ixrt(spec, builds=file is None)
        started = time.perf_counter()
        if file is None:
            source = read_source(spec, self._size, {len(OUTPUT_NAMES), N_HEADS})
            file = built_plan(spec, self._ixrt, source, source_batch(spec, source))
        self._build_s = build_seconds(started, file)
        self._file = self.built_file = file
        self._bindings: list[Binding] = []
        self._launcher: Launcher | None = None
        try:
            self._engine, self._context = self._open(file)
            self._bind()
            self._input, self._outputs = self._check_bindings()
            self.fixed_batch = self._input.shape[0]
            check_batch(spec, self.fixed_batch, file)
            self._probe()
        except BaseException:
            self.close()  # nobody else frees memory on the device
            raise
        self._board = board()
        self._runtime = f"ixrt {vendor_version('ixrt', self._ixrt)}"
        self._placement = {"provider": "ixrt on iluvatar(0)", "fallback": [], "proof": _PROOF}

    def _open(self, file: Path) -> tuple[Any, Any]:
        """Open the engine and the context of a plan."""
        ixrt = self._ixrt
        try:
            runtime = ixrt.Runtime(ixrt.Logger(ixrt.Logger.ERROR))
            engine = runtime.deserialize_cuda_engine(file.read_bytes())
            context = engine.create_execution_context() if engine is not None else None
            if context is None:
                raise RuntimeError("it returned nothing; its log gives the reason")
        except Exception as error:  # the runtime's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {file} with ixRT {version_of(ixrt)}: "
                f"{first_line(error)}; check whether a board is there (ixsmi), or build it again "
                "with this version"
            ) from error
        return engine, context

    def _bind(self) -> None:
        """Allocate the bindings on the device, in their order."""
        for name, is_input, shape, dtype in ports(self._ixrt, self._engine):
            if min(shape, default=1) < 1:
                raise EngineUnavailable(
                    f"{self.spec.name}: {name} of {self._file} has free axes, {shape}; build it "
                    "for one batch and input size"
                )
            n_bytes = math.prod(shape) * dtype.itemsize
            code, address = self._cudart.cudaMalloc(n_bytes)
            if code != self._cudart.cudaError_t.cudaSuccess:
                raise EngineUnavailable(
                    f"{self.spec.name} cannot allocate {n_bytes} bytes on the device: {code}; "
                    "check whether a board is there and free: ixsmi"
                )
            self._bindings.append(Binding(name, is_input, shape, dtype, address))
        self._launcher = Launcher(
            self.spec.name, self._engine, self._context, self._cudart, self._bindings
        )

    def _check_bindings(self) -> tuple[Binding, list[list[Binding]]]:
        """Find the input, and one or three bindings for each of `loc`, `conf`, `landmarks`."""
        inputs = [binding for binding in self._bindings if binding.is_input]
        outputs = {b.shape: b for b in self._bindings if not b.is_input}
        if len(inputs) == 1 and inputs[0].shape[1:] == (3, *self._size):
            batch = inputs[0].shape[0]
            for expected in (self._head_shapes(batch), self._final_shapes(batch)):
                if {shape for group in expected for shape in group} == set(outputs) and len(
                    outputs
                ) == len(self._bindings) - 1:
                    return inputs[0], [[outputs[shape] for shape in group] for group in expected]
        found = ", ".join(f"{b.name} {b.shape}" for b in self._bindings)
        raise EngineUnavailable(
            f"{self.spec.name} cannot run {self._file}: expected one input (N, 3, {self._size[0]}, "
            f"{self._size[1]}) and nine heads {self._head_shapes('N')} or three outputs "
            f"{self._final_shapes('N')}, got {found}; build it from a file of retinaface export"
        )

    def _head_shapes(self, batch: Any) -> list[list[tuple[int, ...]]]:
        """List the shapes of each output's convolutions, finest level first."""
        sides = [tuple(math.ceil(px / s) for px in self._size) for s in MOBILENET_025.strides_px]
        per_cell = MOBILENET_025.priors_per_cell
        return [
            [(batch, per_cell * width, *side) for side in sides] for width in OUTPUT_WIDTHS.values()
        ]

    def _final_shapes(self, batch: Any) -> list[list[tuple[int, ...]]]:
        return [[shape] for shape in output_shapes(batch, len(prior_boxes(*self._size)))]

    @property
    def _has_heads(self) -> bool:
        return len(self._outputs[0]) > 1

    def _probe(self) -> None:
        """Run once, so a failing device fails here."""
        images = np.zeros(self._input.shape, dtype=np.float32)
        try:
            scores = self._run(images).scores
        except Exception as error:  # the runtime's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot run {self._file}: {type(error).__name__}: "
                f"{first_line(error)}; check whether a board is there: ixsmi"
            ) from error
        check_scores(self.spec, scores, self._file)

    def _load(self, images: FloatArray) -> None:
        feed = np.ascontiguousarray(images, dtype=self._input.dtype)
        code = self._cuda.cuMemcpyHtoD(self._input.address, feed, feed.nbytes)
        self._succeed("cuMemcpyHtoD", code)

    def _execute(self) -> None:
        self._start()
        self._wait()

    def _run_back_to_back(self, n: int) -> float:
        self._wait()
        return mean_seconds(self._start, n, self._wait)

    def _start(self) -> None:
        if self._launcher is None:
            raise RuntimeError("the engine is closed")
        if self._launcher.call() is False:
            raise RuntimeError(f"{self._launcher.method} returned False; its log gives the reason")

    def _wait(self) -> None:
        (code,) = self._cudart.cudaDeviceSynchronize()
        if code != self._cudart.cudaError_t.cudaSuccess:
            raise RuntimeError(f"cudaDeviceSynchronize gave {code}")

    def _fetch(self) -> RawOutputs:
        loc, conf, landmarks = (self._output(group) for group in self._outputs)
        return RawOutputs(loc, softmax(conf) if self._has_heads else conf, landmarks)

    def _output(self, group: list[Binding]) -> FloatArray:
        """Assemble one output from its bindings, in the order of the priors."""
        parts = []
        for binding in group:
            array = np.empty(binding.shape, dtype=binding.dtype)
            code = self._cuda.cuMemcpyDtoH(array, binding.address, binding.n_bytes)
            self._succeed("cuMemcpyDtoH", code)
            parts.append(array.astype(np.float32, copy=False))
        return flat_heads(parts) if self._has_heads else parts[0]

    def _succeed(self, call: str, codes: tuple[Any]) -> None:
        if codes[0] != self._cuda.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"{call} gave {codes[0]}")

    def _device_facts(self) -> dict[str, Any]:
        return {
            "device_name": board_name(self._board.get("name") or self._name_by_runtime()),
            "driver": self._board.get("driver_version"),
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "batch": self.fixed_batch,
            "runs_by": self._launcher.method if self._launcher else None,
            "n_outputs": sum(len(group) for group in self._outputs),
            "softmax": "outside the graph" if self._has_heads else "in the graph",
            "options": dict(self.spec.options),
            "model": self.spec.model.name if self.spec.model else None,
            "engine_file": self._file.name,
            "engine_file_sha256": file_sha256(self._file),
            "input_type": str(self._input.dtype),
        }

    def _name_by_runtime(self) -> str | None:
        """Ask the CUDA runtime for the board's name, if `ixsmi` gives none."""
        if not hasattr(self._cudart, "cudaGetDeviceProperties"):
            return None
        code, properties = self._cudart.cudaGetDeviceProperties(0)
        if code != self._cudart.cudaError_t.cudaSuccess:
            return None
        name = properties.name
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        return text.strip(" \0") or None

    def close(self) -> None:
        """See `Engine.close`."""
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None
        while self._bindings:
            self._cudart.cudaFree(self._bindings.pop().address)
        self._context = self._engine = None
        super().close()
