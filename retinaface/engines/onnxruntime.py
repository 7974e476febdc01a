"""ONNX Runtime on the CPU or CUDA, with the proof that no computation fell back."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.config import INPUT_NAME, OUTPUT_NAMES, OUTPUT_WIDTHS, PRECISION_KEY
from retinaface.engines.base import Engine, EngineSpec, RawOutputs
from retinaface.engines.onnx_interface import (
    Port,
    check_interface,
    check_precision,
    model_of,
    read_precision,
)
from retinaface.engines.parallel import threads_and_calls
from retinaface.errors import EngineUnavailable
from retinaface.priors import prior_boxes
from retinaface.typing import FloatArray

try:
    import onnxruntime as ort
except ImportError as error:
    raise EngineUnavailable(
        f"onnxruntime cannot be imported ({error}); install the extra 'cpu' or 'gpu'"
    ) from error

from retinaface.engines.device_io import DeviceIO, run_options

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# Options of the session; all others are the provider's.
_SWITCHES = ("fusions", "spinning", "cuda_graphs")
_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


class OnnxRuntimeEngine(Engine):
    """A session with exactly one provider asked for.

    Options, each `on` or `off`: `fusions`; `spinning` (of idle threads; off by itself where the
    engine shares the processors); `cuda_graphs` (off by itself: every node must run on CUDA). All
    others go to the provider.
    """

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._provider = PROVIDERS[spec.device]
        self._threads, self.parallel_calls = threads_and_calls(spec)
        self._model = model_of(spec)
        self._marked_sessions: dict[tuple[str, ...], Any] = {}
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="retinaface-") as folder:
            options = self._session_options()
            options.enable_profiling = True  # for one run: the proof of placement
            options.profile_file_prefix = str(Path(folder) / "placement")
            self._session = self._open_session(str(self._model), options)
            self._check_model(self._model)
            self._placement = self._prove_placement(Path(folder))
        self._device_io = self._open_device_io() if spec.device != "cpu" else None
        self._build_s = time.perf_counter() - started

    def _open_device_io(self) -> DeviceIO:
        return DeviceIO(
            self._session,
            self.spec.device,
            self._input_type,
            [_TYPES[output.type] for output in self._session.get_outputs()],
            use_graphs=self._uses_graphs(),
        )

    def _uses_graphs(self) -> bool:
        return self.spec.options.get("cuda_graphs") == "on"

    def _session_options(self) -> Any:
        spec = self.spec
        for name in _SWITCHES:
            if spec.options.get(name, "on") not in ("on", "off"):
                raise EngineUnavailable(
                    f"{spec.name}: option {name} must be on or off, got {spec.options[name]!r}"
                )
        options = ort.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        if spec.options.get("fusions") == "off":
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if spec.options.get("spinning", "off" if spec.shares_cpus else "on") == "off":
            for pool in ("intra_op", "inter_op"):
                options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
        return options

    def _open_session(self, model: str | bytes, options: Any) -> Any:
        """Open a session on a file or on a model's bytes."""
        spec = self.spec
        available = ort.get_available_providers()
        if self._provider not in available:
            raise EngineUnavailable(
                f"{spec.name} needs {spec.device}: onnxruntime {ort.__version__} here is built "
                f"without {self._provider} (it has {', '.join(available)}); install the extra "
                "'gpu' in an environment without 'cpu'"
            )
        try:
            with _quiet():
                if spec.device == "cuda" and hasattr(ort, "preload_dlls"):
                    ort.preload_dlls()
                session = ort.InferenceSession(
                    model, options, providers=[(self._provider, self._provider_options())]
                )
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise EngineUnavailable(
                f"{spec.name} cannot load {self._model}: {_first_line(error)}; "
                "check the file, or export for this runtime's opset and IR version"
            ) from error
        if (first := session.get_providers()[0]) != self._provider:
            raise EngineUnavailable(
                f"{spec.name} needs {spec.device}: onnxruntime {ort.__version__} lists "
                f"{self._provider} but the session fell back to {first} "
                f"({_missing_library(spec.device)})"
            )
        return session

    def _provider_options(self) -> dict[str, str]:
        options = {k: v for k, v in self.spec.options.items() if k not in _SWITCHES}
        version = tuple(int(part) for part in ort.__version__.split(".")[:2])
        if self.spec.device == "cuda" and self.spec.precision == "fp32" and version >= (1, 18):
            options.setdefault("use_tf32", "0")  # TF32 keeps 10 bits of 23: not FP32
        if self._uses_graphs():
            options["enable_cuda_graph"] = "1"
        return options

    def _check_model(self, model: Path) -> None:
        """Hold names, types, axes and precision of the file against the specification."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self.fixed_batch = check_interface(
            self.spec, model, [_port(value) for value in inputs], [_port(o) for o in outputs]
        )
        self._input_type = _TYPES[inputs[0].type]
        stated = self._session.get_modelmeta().custom_metadata_map.get(PRECISION_KEY)
        check_precision(self.spec, model, read_precision(self.spec, model, stated))

    def _prove_placement(self, folder: Path) -> dict[str, Any]:
        """Run once and read from the profile which provider ran each node.

        A node elsewhere that gives real numbers is a fallback. Arithmetic on shapes is placed on
        the CPU by design; it is listed, not refused.

        Raises:
            EngineUnavailable: A computation ran elsewhere; lists the nodes.
        """
        spec = self.spec
        size = (spec.height_px or 320, spec.width_px or 320)
        probe = np.zeros((self.fixed_batch or 1, 3, *size), dtype=self._input_type)
        self._session.run(OUTPUT_NAMES, {INPUT_NAME: probe}, run_options(None))
        profile = json.loads(Path(self._session.end_profiling()).read_text())
        placement = placement_from_profile(profile, self._provider)
        if placement["fallback"]:
            raise EngineUnavailable(
                f"{spec.name}: {len(placement['fallback'])} nodes did not run on {self._provider}: "
                f"{', '.join(placement['fallback'][:8])}; the runtime lacks them on this device"
            )
        return placement

    def _run(self, images: FloatArray) -> RawOutputs:
        run = self._run_bound if self._device_io is None else self._device_io.run
        return RawOutputs(*(output.astype(np.float32, copy=False) for output in run(images)))

    def _run_bound(self, images: FloatArray) -> list[FloatArray]:
        """Run on the CPU, which reads and writes our memory in place."""
        n, _, height, width = images.shape
        n_priors = len(prior_boxes(height, width))
        feed = images.astype(self._input_type, copy=False)
        binding = self._session.io_binding()
        binding.bind_input(INPUT_NAME, "cpu", 0, feed.dtype, feed.shape, feed.ctypes.data)
        outputs = []
        for output, n_values in zip(
            self._session.get_outputs(), OUTPUT_WIDTHS.values(), strict=True
        ):
            array = np.empty((n, n_priors, n_values), dtype=_TYPES[output.type])
            binding.bind_output(output.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            outputs.append(array)
        self._session.run_with_iobinding(binding)
        return outputs

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Tensors of the file by name, from a second session in which they are outputs."""
        if names not in self._marked_sessions:
            self._marked_sessions[names] = self._open_session(
                self._marked_model(names), self._session_options()
            )
        wanted = list(dict.fromkeys([*names, *OUTPUT_NAMES]))
        feed = {INPUT_NAME: images.astype(self._input_type, copy=False)}
        found = self._marked_sessions[names].run(wanted, feed, run_options(None))
        return dict(zip(wanted, found, strict=True))

    def _marked_model(self, names: tuple[str, ...]) -> bytes:
        """The file with tensors marked as outputs."""
        try:
            from retinaface.onnx_file import with_outputs
        except ImportError as error:
            raise EngineUnavailable(
                f"{self.spec.name}: intermediate tensors need onnx, which is not installed; "
                "pip install onnx"
            ) from error
        try:
            return with_outputs(self._model, names)
        except ValueError as error:
            raise ValueError(f"{self.spec.name}: {error}") from error

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return {
            "name": self.spec.name,
            "device": self.spec.device,
            "precision": self.spec.precision,
            "runtime": f"onnxruntime {ort.__version__}",
            "threads": self._threads,
            "parallel_calls": self.parallel_calls,
            "options": dict(self.spec.options),
            "model": self._model.name,
            "build_s": self._build_s,
            "placement": self._placement,
            "io": self._device_io.describe() if self._device_io else {"host_memory": "in place"},
        }

    def close(self) -> None:
        """See `Engine.close`."""
        if self._device_io is not None:
            self._device_io.close()
        self._session = None
        self._marked_sessions = {}
        super().close()


def _port(value: Any) -> Port:
    return Port(value.name, value.type, _TYPES.get(value.type), value.shape)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the runtime prints about missing libraries off the terminal: it is raised."""
    ort.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        ort.set_default_logger_severity(2)  # the runtime's own default


def placement_from_profile(profile: list[dict[str, Any]], provider: str) -> dict[str, Any]:
    """Sort the nodes of an ONNX Runtime profile by where they ran.

    Args:
        profile: The events of the profile file.
        provider: Where they should have run.

    Returns:
        `provider`, `n_nodes` on it, `fallback` (`name (op) on provider` of each computation that
        ran elsewhere), `shape_nodes_elsewhere` (their number).
    """
    n_nodes, n_shape, fallback = 0, 0, []
    for event in profile:
        arguments = event.get("args", {})
        if event.get("cat") != "Node" or "provider" not in arguments:
            continue
        if not str(event["name"]).endswith("_kernel_time"):
            continue
        if arguments["provider"] == provider:
            n_nodes += 1
        elif any("float" in kind for output in arguments["output_type_shape"] for kind in output):
            name = str(event["name"]).removesuffix("_kernel_time")
            fallback.append(f"{name} ({arguments['op_name']}) on {arguments['provider']}")
        else:
            n_shape += 1
    return {
        "provider": provider,
        "n_nodes": n_nodes,
        "fallback": fallback,
        "shape_nodes_elsewhere": n_shape,
    }


def _missing_library(device: str) -> str:
    """Load a provider's library as the runtime does, to learn what is missing."""
    library = Path(ort.__file__).parent / "capi" / f"libonnxruntime_providers_{device}.so"
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return _first_line(error)
    return "its libraries load; see whether a device is there: nvidia-smi"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
