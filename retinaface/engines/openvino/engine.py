"""OpenVINO on a CPU, GPU or NPU: where it ran and what it computed in, read from the runtime."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import check_interface, check_precision, model_of
from retinaface.engines.openvino.graph import (
    mark_outputs,
    nodes_of,
    numerics_of,
    placement_from_nodes,
    port_of,
    reason_of,
    weight_precision,
)
from retinaface.engines.openvino.options import RUNTIME_OPTIONS, check_properties, precision_hint
from retinaface.engines.threads import threads_and_calls
from retinaface.errors import EngineUnavailable
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray, Precision

with importing("openvino", "install the extra 'openvino'"):
    import openvino as ov

VERSION = ov.__version__.partition("-")[0]
DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "auto": "AUTO"}
# What nodes may compute in. FP16 graphs keep some nodes in FP32.
_ALLOWED: dict[Precision, tuple[str, ...]] = {
    "fp32": ("f32",),
    "fp16": ("f16", "f32"),
    "int8": ("f32",),
}


class OpenVinoEngine(Engine):
    """A compiled model on one device, with a request for each call that runs at a time.

    Options are properties of the device (`NUM_STREAMS`, ...), over what is set here.
    """

    known_options = RUNTIME_OPTIONS
    _runtime = f"openvino {VERSION}"

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._model = model_of(spec)
        self._device = DEVICES[spec.device]
        self._threads, self.parallel_calls = threads_and_calls(spec)
        self._marked: dict[tuple[str, ...], Any] = {}
        started = time.perf_counter()
        self._core = ov.Core()
        self._check_device()
        graph = self._read()
        self._check_model(graph)
        self._config = self._make_config()
        self._network = self._compile(graph)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.parallel_calls):
            self._requests.put(self._network.create_infer_request())
        self._placement = placement = self._prove_placement()
        ran_on = placement["provider"].removeprefix("OpenVINO ").split(", ")[0]
        # What the maker calls it.
        self._device_name = str(self._core.get_property(ran_on, "FULL_DEVICE_NAME")).strip()
        self._numerics = numerics_of(spec.precision, placement)
        self._build_s = time.perf_counter() - started

    @classmethod
    def check_options(cls, name: str, device: str, options: Mapping[str, str]) -> None:
        """See `Engine.check_options`; asks the runtime for names and values."""
        if options:
            check_properties(name, ov.Core(), DEVICES[device], options)

    def _check_device(self) -> None:
        """Refuse a device that is not there; the runtime says why it does not see it."""
        found = self._core.available_devices
        if self._device == "AUTO" or any(d.split(".")[0] == self._device for d in found):
            return
        try:
            why = self._core.get_property(self._device, "FULL_DEVICE_NAME")
        except RuntimeError as error:
            why = reason_of(error)
        raise EngineUnavailable(
            f"{self.spec.name} needs {self.spec.device}: openvino {VERSION} finds no "
            f"{self._device} here (it has {', '.join(found)}): {why}; install its driver, or take "
            "an engine of a device that is there"
        )

    def _read(self) -> Any:
        try:
            return self._core.read_model(str(self._model))
        except RuntimeError as error:
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {self._model}: {reason_of(error)}; check the file, "
                "or export at another opset"
            ) from error

    def _check_model(self, graph: Any) -> None:
        """Compare names, types, axes and precision of the file with the specification."""
        spec = self.spec
        inputs, outputs = [port_of(p) for p in graph.inputs], [port_of(p) for p in graph.outputs]
        self.fixed_batch = check_interface(spec, self._model, inputs, outputs)
        check_precision(spec, self._model, weight_precision(graph))
        self._input_type = inputs[0].dtype or np.float32
        if self._device == "NPU" and graph.is_dynamic():
            if spec.height_px is None:
                raise EngineUnavailable(
                    f"{spec.name} needs inputs of one size: the NPU takes none that follow the "
                    "image; take a pipeline of a fixed size"
                )
            self.fixed_batch = self.fixed_batch or spec.max_batch
            graph.reshape([self.fixed_batch, 3, spec.height_px, spec.width_px])

    def _make_config(self) -> dict[str, str]:
        """Make the compiler's settings; the precision is never left to the device."""
        hint = precision_hint(self._core, self._device, self.spec.precision)
        config = {"PERF_COUNT": "YES", "INFERENCE_PRECISION_HINT": hint}
        if self._device == "CPU":
            config["NUM_STREAMS"] = str(self.parallel_calls)
            if self.spec.shares_cpus:
                config["ENABLE_CPU_PINNING"] = "NO"
        if self._device == "AUTO":  # else it answers from the CPU while it compiles
            config |= {"ENABLE_STARTUP_FALLBACK": "NO", "ENABLE_RUNTIME_FALLBACK": "NO"}
        if self._threads is not None and self._device in ("CPU", "AUTO"):
            config["INFERENCE_NUM_THREADS"] = str(self._threads * self.parallel_calls)
        return config | dict(self.spec.options)

    def _compile(self, graph: Any) -> Any:
        try:
            return self._core.compile_model(graph, self._device, self._config)
        except RuntimeError as error:
            settings = ", ".join(f"{k}={v}" for k, v in self._config.items())
            raise EngineUnavailable(
                f"{self.spec.name} cannot compile {self._model} with {settings}: {reason_of(error)}"
                "; check --engine-option, or the file"
            ) from error

    def _prove_placement(self) -> dict[str, Any]:
        """Run once and read what ran where, and in which precision.

        Raises:
            EngineUnavailable: A computation ran elsewhere or in another precision; lists the nodes.
        """
        spec = self.spec
        size = (spec.height_px or 320, spec.width_px or 320)
        request = self._network.create_infer_request()
        request.infer({0: np.zeros((self.fixed_batch or 1, 3, *size), dtype=self._input_type)})
        nodes = nodes_of(self._network, request)
        devices = [d.strip("()") for d in self._network.get_property("EXECUTION_DEVICES")]
        ran_on = {d.split(".")[0] for d in devices}
        placement = placement_from_nodes(nodes, devices)
        if self._device != "AUTO" and ran_on != {self._device}:
            placement["fallback"] = [f"all of the graph on {', '.join(devices) or 'no device'}"]
        if placement["fallback"] or not any(node.has_run for node in nodes):
            elsewhere = ", ".join(placement["fallback"][:8]) or "no node has a time (PERF_COUNT)"
            raise EngineUnavailable(
                f"{spec.name}: no proof that the graph ran on {self._device} alone, got "
                f"{elsewhere}; take an engine of a device that runs all of it"
            )
        wrong = [p for p in placement["computed_in"] if p not in _ALLOWED[spec.precision]]
        if wrong:
            where = [f"{n.name} ({n.kind})" for n in nodes if n.precision == wrong[0]]
            raise EngineUnavailable(
                f"{spec.name}: asked for {spec.precision.upper()}, but openvino {VERSION} computes "
                f"in {wrong[0]} on {', '.join(devices)}: {', '.join(where[:8])}; leave "
                "INFERENCE_PRECISION_HINT out, or take another device"
            )
        if spec.precision == "int8" and not placement["n_int8_nodes"]:
            raise EngineUnavailable(
                f"{spec.name}: asked for INT8, but openvino {VERSION} computes no convolution of "
                f"{self._model} in it; export with: retinaface export --precision int8"
            )
        return placement

    def _run(self, images: FloatArray) -> RawOutputs:
        request = self._requests.get()
        try:
            # Reads our memory in place, and gives copies of what it wrote.
            found = request.infer(
                {0: images.astype(self._input_type, copy=False)},
                share_inputs=True,
                share_outputs=False,
            )
            return RawOutputs(*(found[i] for i in range(len(OUTPUT_NAMES))))
        finally:
            self._requests.put(request)

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Read tensors by name, from a second compiled model in which they are outputs."""
        if names not in self._marked:
            self._marked[names] = self._compile(self._marked_graph(names))
        network = self._marked[names]
        found = network({0: images.astype(self._input_type, copy=False)})
        wanted = dict.fromkeys([*names, *OUTPUT_NAMES])
        return {name: found[network.output(name)] for name in wanted}

    def _marked_graph(self, names: tuple[str, ...]) -> Any:
        """Mark tensors of the file as outputs."""
        graph = self._read()
        try:
            mark_outputs(graph, names, self._model)
        except ValueError as error:
            raise ValueError(f"{self.spec.name}: {error}") from error
        if self._device == "NPU":
            graph.reshape([self.fixed_batch, 3, self.spec.height_px, self.spec.width_px])
        return graph

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return super().describe() | {"numerics": self._numerics}

    def _device_facts(self) -> dict[str, Any]:
        return {"device_name": self._device_name}

    def _facts(self) -> dict[str, Any]:
        return {
            "threads": self._threads,
            "parallel_calls": self.parallel_calls,
            "options": dict(self.spec.options),
            "config": self._config,
            "model": self._model.name,
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._requests = queue.SimpleQueue()
        self._network = None
        self._marked = {}
        super().close()
