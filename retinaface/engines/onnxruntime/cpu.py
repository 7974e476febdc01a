"""Run ONNX Runtime on the CPU, and prove that no computation fell back.

`cuda` and `tensorrt` run the same session on a device.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import (
    Port,
    check_interface,
    check_precision,
    model_of,
    read_precision,
)
from retinaface.engines.onnxruntime.device_memory import run_options
from retinaface.engines.onnxruntime.runtime import ort, placement_from_profile, quiet, why_not_int8
from retinaface.engines.options import is_on
from retinaface.engines.staged import StagedEngine
from retinaface.engines.threads import threads_and_calls
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES, OUTPUT_WIDTHS, PRECISION_KEY
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.temporaries import scratch_dir
from retinaface.typing import FloatArray

TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


class OnnxRuntimeEngine(Engine):
    """A session with exactly one provider.

    Declared options belong to the session, all others to the provider. The CPU's provider reads no
    options, so it gets none.
    """

    _runtime = f"onnxruntime {ort.__version__}"
    provider = "CPUExecutionProvider"
    # Where the provider is missing: the package that has it, None to name the device; what to do.
    package: ClassVar[str | None] = None
    install: ClassVar[str] = "install the extra 'gpu' in an environment without 'cpu'"
    shares_in_calls = True
    known_options: ClassVar[Mapping[str, str]] = {
        "fusions": "on or off: the runtime's optimizations of the graph (default on)",
        "exact_sums": "on or off: sums of INT8 products that never saturate, where x86 has no VNNI "
        "(default off, as the runtime's own)",
        "spinning": "on or off: idle threads wait in a loop (default off where the engine "
        "shares the processors, else on)",
    }

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._threads, self.parallel_calls = threads_and_calls(spec)
        self._model = model_of(spec)
        self._marked_sessions: dict[tuple[str, ...], Any] = {}
        started = time.perf_counter()
        with scratch_dir() as folder:
            options = self._session_options()
            options.enable_profiling = True  # for the one run that proves placement
            options.profile_file_prefix = str(folder / "placement")
            self._session = self._open_session(str(self._model), options)
            self._check_model(self._session)
            self._placement = self._prove_placement()
        if self.spec.device == "cpu":  # elsewhere another session may take minutes
            # After its profile has ended, one whose threads were profiled keeps half a kB of each
            # call (1.32); another places the same file alike.
            self._session = self._open_session(str(self._model), self._session_options())
        self._build_s = time.perf_counter() - started

    def _session_options(self) -> Any:
        spec = self.spec
        has_fusions = is_on(spec.name, spec.options, "fusions", default=True)
        spins = is_on(spec.name, spec.options, "spinning", default=not spec.shares_cpus)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # errors are raised
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        if not has_fusions:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if is_on(spec.name, spec.options, "exact_sums", default=False):
            options.add_session_config_entry("session.x64quantprecision", "1")
        if not spins:
            for pool in ("intra_op", "inter_op"):
                options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
        return options

    def _open_session(self, model: str | bytes, options: Any) -> Any:
        """Open a session with a file or a model's bytes."""
        spec, provider = self.spec, self.provider
        self._check_provider()
        try:
            with quiet():
                self._preload()
                session = ort.InferenceSession(
                    model,
                    options,
                    providers=[(provider, self._provider_options())],
                    enable_fallback=0,  # older releases ignore it and fall back; that shows below
                )
        except Exception as error:  # onnxruntime's exceptions share no base
            raise EngineUnavailable(self._why_unopened(error)) from error
        if (first := session.get_providers()[0]) != provider:
            raise EngineUnavailable(
                f"{spec.name} needs {spec.device}: onnxruntime {ort.__version__} lists "
                f"{provider} but the session fell back to {first} ({self._why_fallen_back()})"
            )
        return session

    def _check_provider(self) -> None:
        """Check that the runtime was built with the provider."""
        available = ort.get_available_providers()
        if self.provider not in available:
            raise EngineUnavailable(
                f"{self.spec.name} needs {self.package or self.spec.device}: onnxruntime "
                f"{ort.__version__} here is built without {self.provider} (it has "
                f"{', '.join(available)}); {self.install}"
            )

    def _preload(self) -> None:
        """Load the provider's libraries from the folders that pip installs into."""

    def _provider_options(self) -> dict[str, str]:
        return {k: v for k, v in self.spec.options.items() if k not in self.known_options}

    def _why_unopened(self, error: Exception) -> str:
        return (
            f"{self.spec.name} cannot load {self._model}: {first_line(error)}; "
            "check the file, or export for this runtime's opset and IR version"
        )

    def _why_fallen_back(self) -> str:
        return "no reason given"

    def _check_model(self, session: Any) -> None:
        """Compare names, types, axes and precision of the file with the specification."""
        model = self._model
        inputs, outputs = session.get_inputs(), session.get_outputs()
        ports = ([_port(value) for value in values] for values in (inputs, outputs))
        splits = not isinstance(self, StagedEngine)
        self.fixed_batch = check_interface(self.spec, model, *ports, splits=splits)
        self._input_type = TYPES[inputs[0].type]
        stated = session.get_modelmeta().custom_metadata_map.get(PRECISION_KEY)
        check_precision(self.spec, model, read_precision(self.spec, model, stated))

    def _prove_placement(self) -> dict[str, Any]:
        """Run once, and read from the profile which provider ran each node.

        A node elsewhere that computes real numbers is a fallback. The runtime places arithmetic on
        shapes on the CPU by design; that is listed, not refused.

        Raises:
            EngineUnavailable: A computation ran elsewhere; the message lists the nodes.
        """
        spec = self.spec
        size = (spec.height_px or 320, spec.width_px or 320)
        probe = np.zeros((self.fixed_batch or 1, 3, *size), dtype=self._input_type)
        self._session.run(OUTPUT_NAMES, {INPUT_NAME: probe}, run_options(None))
        profile = json.loads(Path(self._session.end_profiling()).read_text())
        placement = placement_from_profile(profile, self.provider)
        if placement["fallback"]:
            raise EngineUnavailable(
                f"{spec.name}: {len(placement['fallback'])} nodes did not run on {self.provider}: "
                f"{', '.join(placement['fallback'][:8])}; the runtime lacks them on this device"
            )
        fuses = is_on(spec.name, spec.options, "fusions", default=True)
        if spec.precision == "int8" and fuses and not placement["n_int8_nodes"]:
            raise EngineUnavailable(f"{spec.name}: {why_not_int8(self._model)}")
        return placement

    def _run(self, images: FloatArray) -> RawOutputs:
        """Run on the CPU, which reads and writes the caller's memory in place."""
        n, _, height, width = images.shape
        n_priors = len(prior_boxes(height, width))
        feed = images.astype(self._input_type, copy=False)
        binding = self._session.io_binding()
        binding.bind_input(INPUT_NAME, "cpu", 0, feed.dtype, feed.shape, feed.ctypes.data)
        outputs = []
        for output, n_values in zip(
            self._session.get_outputs(), OUTPUT_WIDTHS.values(), strict=True
        ):
            array = np.empty((n, n_priors, n_values), dtype=TYPES[output.type])
            binding.bind_output(output.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            outputs.append(array)
        self._session.run_with_iobinding(binding)
        return raw_outputs(outputs)

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Return tensors of the file by name, from a second session with them as outputs."""
        if names not in self._marked_sessions:
            self._marked_sessions[names] = self._open_session(
                self._marked_model(names), self._session_options()
            )
        wanted = list(dict.fromkeys([*names, *OUTPUT_NAMES]))
        feed = {INPUT_NAME: images.astype(self._input_type, copy=False)}
        found = self._marked_sessions[names].run(wanted, feed, run_options(None))
        return dict(zip(wanted, found, strict=True))

    def _marked_model(self, names: tuple[str, ...]) -> bytes:
        """Mark tensors of the file as outputs."""
        with importing(
            f"{self.spec.name}: intermediate tensors need onnx, which", "pip install onnx"
        ):
            from retinaface.export.onnx_graph import with_outputs
        try:
            return with_outputs(self._model, names)
        except ValueError as error:
            raise ValueError(f"{self.spec.name}: {error}") from error

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return super().describe() | {"io": {"host_memory": "in place"}}

    def _facts(self) -> dict[str, Any]:
        return {
            "threads": self._threads,
            "parallel_calls": self.parallel_calls,
            "options": dict(self.spec.options),
            "model": self._model.name,
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._session = None
        self._marked_sessions = {}
        super().close()


def raw_outputs(outputs: list[FloatArray]) -> RawOutputs:
    """Convert outputs from the order and element types of a file."""
    return RawOutputs(*(output.astype(np.float32, copy=False) for output in outputs))


def _port(value: Any) -> Port:
    return Port(value.name, value.type, TYPES.get(value.type), value.shape)
