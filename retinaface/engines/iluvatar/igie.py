"""Run engine files (.so) of IGIE, Iluvatar's TVM. Not yet run on hardware."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import build_seconds, check_scores, output_shapes
from retinaface.engines.iluvatar.board import board, board_name, vendor_version
from retinaface.engines.iluvatar.executors import Executor, mean_run_s, open_executor
from retinaface.engines.iluvatar.igie_build import built_engine, find_toolchain, import_tvm
from retinaface.engines.sources import (
    DEFAULT_BATCH,
    batch_option,
    check_batch,
    fixed_size,
    read_source,
    source_batch,
)
from retinaface.engines.staged import StagedEngine
from retinaface.environment import version_of
from retinaface.errors import EngineUnavailable, first_line
from retinaface.export.build_manifest import read_build_manifest
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

import_tvm()  # fail before an export is made in vain

_HALF = "float16"
_NO_HALF = (
    "no tensor of the file's graph is FP16, so its precision is that of its name; test_fp16_parity "
    "compares its outputs"
)
_NOT_SEEN = "it does not show whether a library inside a node computes on the host"


class IgieEngine(StagedEngine):
    """An engine file (.so) on one device, built from ONNX unless one is given.

    Images repeat to fill a batch that is smaller than the file's.
    """

    known_options: ClassVar = {"batch": "images in every call of the file to build (default 32)"}
    n_vendor_warm_up, n_vendor_runs = 0, 100  # TVM's clock makes one call before it counts

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        size, file = fixed_size(spec), spec.engine_file
        self._chain = find_toolchain(spec, builds=file is None)
        self._runtime = f"igie {vendor_version('igie', self._chain.tvm)}"
        started = time.perf_counter()
        manifest = read_build_manifest(file) if file else None
        batch = batch_option(spec) or (manifest and manifest.batch) or DEFAULT_BATCH
        if file is None:
            source = read_source(spec, size)
            batch = source_batch(spec, source)
            file = built_engine(spec, self._chain, source.path, (batch, 3, *size))
        self._build_s = build_seconds(started, file)
        self._file = self.built_file = file
        self._executor: Executor | None = self._open(file, (batch, 3, *size))
        self._input_type, self.fixed_batch = self._check_input_tensor(size)
        check_batch(spec, self.fixed_batch, file)
        self._placement = self._prove_placement(size)
        self._board = board() if spec.device == "iluvatar" else {}

    def _open(self, file: Path, shape: tuple[int, ...]) -> Executor:
        """Open the executor of a file; one of Relax is taken to have the input that is needed."""
        chain = self._chain
        try:
            return open_executor(chain, file, SimpleNamespace(shape=shape, dtype="float32"))
        except Exception as error:  # TVM's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {file} with tvm {version_of(chain.tvm)} on "
                f"{chain.device}: {first_line(error)}; build it again with this version"
            ) from error

    @property
    def _open_executor(self) -> Executor:
        if self._executor is None:
            raise RuntimeError("the engine is closed")
        return self._executor

    def _check_input_tensor(self, size: tuple[int, int]) -> tuple[np.dtype[Any], int]:
        """Check the file's input; return its type and batch size."""
        tensor = self._open_executor.input_tensor()
        found = None if tensor is None else tuple(int(axis) for axis in tensor.shape)
        if found is None or len(found) != 4 or found[1:] != (3, *size):
            raise EngineUnavailable(
                f"{self.spec.name}: {self._file} should take {INPUT_NAME} (N, 3, {size[0]}, "
                f"{size[1]}), got {found or 'no input of that name'}; build it with --input "
                f"{INPUT_NAME}:32,3,{size[0]},{size[1]}"
            )
        return np.dtype(str(tensor.dtype)), found[0]

    def _prove_placement(self, size: tuple[int, int]) -> dict[str, Any]:
        """Run once; read device and precision from the outputs and from the graph.

        Raises:
            EngineUnavailable: The outputs are wrong or on another device, or the graph has several
                devices or another precision.
        """
        name, device = self.spec.name, self._chain.device
        probe = np.zeros((self.fixed_batch or 1, 3, *size), dtype=np.float32)
        found = self._first_outputs(probe)
        if len(found) != len(OUTPUT_NAMES):
            raise EngineUnavailable(
                f"{name}: {self._file} should give {', '.join(OUTPUT_NAMES)}, got {len(found)} "
                "outputs; build from a file of retinaface export"
            )
        expected = output_shapes(len(probe), len(prior_boxes(*size)))
        shapes = [tuple(int(axis) for axis in output.shape) for output in found]
        if shapes != expected:
            raise EngineUnavailable(
                f"{name}: {', '.join(OUTPUT_NAMES)} of {self._file} should be {expected}, got "
                f"{shapes}; build from a file of retinaface export"
            )
        elsewhere = [
            f"{output_name} on {output.device}"
            for output_name, output in zip(OUTPUT_NAMES, found, strict=True)
            if output.device.device_type != device.device_type
        ]
        check_scores(self.spec, _host(found[1]), self._file)
        graph_facts = self._read_graph(self._open_executor.graph)
        placement = {
            "provider": f"{self._open_executor.title} on {device}",
            "target": str(self._chain.target),
            **graph_facts,
            "fallback": [*elsewhere, *graph_facts.get("fallback", [])],
        }
        if placement["fallback"]:
            raise EngineUnavailable(
                f"{name}: not all of {self._file} ran on {device}: "
                f"{', '.join(placement['fallback'][:8])}; build it for {self._chain.target} alone"
            )
        return placement

    def _first_outputs(self, probe: FloatArray) -> list[Any]:
        """Run once; a file of Relax shows only here that it takes another input."""
        try:
            self._load(probe)
            self._execute()
            return self._open_executor.outputs()
        except Exception as error:  # TVM's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot run {self._file} on {INPUT_NAME} {probe.shape} "
                f"{self._input_type}: {first_line(error)}; name its batch with --engine-option "
                "batch=N, or build it again"
            ) from error

    def _read_graph(self, graph: dict[str, Any] | None) -> dict[str, Any]:
        """Read devices and types from the file's own graph, or note that it shows none."""
        given = f"the executor has only {self._chain.device}, and its outputs are there"
        if graph is None:
            return {"proof": f"{given}; the file shows no graph, so its precision is that of its "
                             f"name; {_NOT_SEEN}"}  # fmt: skip
        attributes = graph.get("attrs", {})
        types = attributes.get("dltype", ["", []])[1]
        indices = sorted(set(attributes.get("device_index", ["", []])[1]))
        n_half = types.count(_HALF)
        if n_half and self.spec.precision != "fp16":
            raise EngineUnavailable(
                f"{self.spec.name} needs an {self.spec.precision.upper()} engine, but {n_half} of "
                f"{len(types)} tensors of {self._file} are FP16; build it with --precision "
                f"{self.spec.precision}"
            )
        placement: dict[str, Any] = {
            "n_nodes": sum(node.get("op") == "tvm_op" for node in graph.get("nodes", [])),
            "n_fp16_tensors": n_half,
            "n_tensors": len(types),
            "proof": f"{given}; its graph names {len(indices) or 1} device; {_NOT_SEEN}",
        }
        if not n_half and self.spec.precision == "fp16":
            # What the vendor's graph shows of FP16 inside its own kernels is not known.
            placement["note"] = _NO_HALF
        if len(indices) > 1:
            placement["fallback"] = [f"nodes of device {index}" for index in indices]
        return placement

    def _load(self, images: FloatArray) -> None:
        feed = images.astype(self._input_type, copy=False)
        self._open_executor.set_input(self._chain.tvm.nd.array(feed, self._chain.device))
        self._chain.device.sync()

    def _execute(self) -> None:
        self._open_executor.run()
        self._chain.device.sync()

    def _run_back_to_back(self, n: int) -> float:
        return mean_run_s(self._open_executor, self._chain.device, n)

    def _fetch(self) -> RawOutputs:
        outputs = self._open_executor.outputs()
        return RawOutputs(*(_host(output).astype(np.float32) for output in outputs))

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        described = super().describe()
        if self.spec.device == "iluvatar":
            name = self._board.get("name") or getattr(self._chain.device, "device_name", None)
            described["device_name"] = board_name(name)
            described["driver"] = self._board.get("driver_version")
        return described

    def _facts(self) -> dict[str, Any]:
        return {
            "batch": self.fixed_batch,
            "options": dict(self.spec.options),
            "model": self.spec.model.name if self.spec.model else None,
            "engine_file": self._file.name,
            "engine_file_sha256": file_sha256(self._file),
            "input_type": str(self._input_type),
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._executor = None  # its tensors go with it
        super().close()


def _host(tensor: Any) -> FloatArray:
    """Copy a tensor from the device: by `numpy`, or by `asnumpy` as the vendor's scripts do."""
    copy = getattr(tensor, "numpy", None) or tensor.asnumpy
    array: FloatArray = copy()
    return array


# For a TVM with Relay and no accelerator:
# `--engine retinaface.engines.iluvatar.igie:igie_cpu_fp32`.
igie_cpu_fp32 = igie_cpu_fp16 = IgieEngine
