"""Run ONNX Runtime with its TensorRT provider and without fallback. Not yet run on hardware.

ONNX Runtime's page on this provider lists the options; it reads `True` and `False` as switches.
FP16 is built from the FP16 file with `trt_fp16_enable`. So the layers are FP16 where the file's
are, as on CUDA, whether TensorRT takes types from the file (11 always does) or chooses among the
allowed ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from retinaface.assets import cache_dir
from retinaface.engines.base import EngineSpec
from retinaface.engines.onnxruntime.cpu import OnnxRuntimeEngine
from retinaface.engines.onnxruntime.cuda import OnnxRuntimeDeviceEngine
from retinaface.engines.onnxruntime.runtime import ort, quiet
from retinaface.engines.tensorrt.libraries import PACKAGES, loaded_version, prepare, tf32
from retinaface.engines.tensorrt.profile import Profile, profile_of, written
from retinaface.environment import command_output, package_versions
from retinaface.errors import EngineUnavailable, first_line
from retinaface.export.cached_files import remember_new, remove_damaged
from retinaface.export.external_data import model_sha256
from retinaface.telling.work import working


class OnnxRuntimeTensorRtEngine(OnnxRuntimeDeviceEngine):
    """A session on TensorRT, with one cached engine for all batches up to the largest."""

    _runtime = f"onnxruntime-tensorrt {ort.__version__}"  # its speed differs from CUDA's
    provider = "TensorrtExecutionProvider"
    library = "tensorrt"
    known_options = OnnxRuntimeEngine.known_options
    other_options_go_to = "the TensorRT provider, as trt_builder_optimization_level"

    def __init__(self, spec: EngineSpec) -> None:
        self._profile: Profile | None = None
        super().__init__(spec)

    def _preload(self) -> None:
        super()._preload()
        prepare()

    def _open_session(self, model: str | bytes, options: Any) -> Any:
        self._check_provider()
        if self._profile is None:
            self._profile = self._read_profile()
        folder = self._cache_folder()
        damaged = remove_damaged(folder)
        why = f"building {self.spec.name} again: {', '.join(damaged)} in the cache is damaged"
        with working(why) if damaged else contextlib.nullcontext():
            session = super()._open_session(model, options)
        remember_new(folder)
        return session

    def close(self) -> None:
        """See `Engine.close`; what the provider built meanwhile is kept with its hash."""
        if not self._closed and self._profile is not None:
            remember_new(self._cache_folder())
        super().close()

    def _read_profile(self) -> Profile:
        """Work out the input shapes to build for; refuse an unsuitable file before the build."""
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            with quiet():
                session = ort.InferenceSession(
                    str(self._model), options, providers=["CPUExecutionProvider"]
                )
        except Exception as error:  # onnxruntime's exceptions share no base
            raise EngineUnavailable(
                f"{self.spec.name} cannot load {self._model}: {first_line(error)}; check the file"
            ) from error
        self._check_model(session)
        return profile_of(self.spec, session.get_inputs()[0].shape)

    def _provider_options(self) -> dict[str, str]:
        assert self._profile is not None  # noqa: S101 - made before the session is
        smallest, usual, largest = (f"input:{written(shape)}" for shape in self._profile)
        return {
            "device_id": "0",
            "trt_fp16_enable": str(self.spec.precision == "fp16"),
            "trt_profile_min_shapes": smallest,
            "trt_profile_opt_shapes": usual,
            "trt_profile_max_shapes": largest,
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(self._cache_folder()),
            # With a cache of timings a second build would choose as the first did.
            "trt_timing_cache_enable": "False",
            **{k: v for k, v in self.spec.options.items() if k not in self.known_options},
        }

    def _cache_folder(self) -> Path:
        """Make the folder of engines for this file, these settings, versions, device and build."""
        device = command_output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv")
        key = {
            "source": model_sha256(self._model),
            "onnxruntime": ort.__version__,
            "tensorrt": loaded_version(),
            "packages": package_versions(PACKAGES),
            "device": device,
            "precision": self.spec.precision,
            "profile": self._profile,
            "tf32": tf32(),
            "options": dict(self.spec.options),
            "build": self.spec.build,
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        folder = cache_dir() / "builds" / self.spec.name / f"retinaface-{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _how_to_install(self) -> str:
        return (
            "install the TensorRT and CUDA that it was built with (docs/gpu.md): "
            "pip install 'tensorrt-cu13<11' for onnxruntime-gpu from 1.27 on"
        )

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return {
            **super().describe(),
            "tensorrt": loaded_version(),
            "tf32": tf32(),
            "profile": [written(shape) for shape in self._profile or ()],
        }
