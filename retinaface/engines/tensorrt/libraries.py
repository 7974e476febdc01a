"""TensorRT's libraries: from where pip puts them, which version, and FP32 that is FP32."""

from __future__ import annotations

import ctypes
import importlib
import os

# Read by NVIDIA's libraries, TensorRT among them: 0 forbids TF32 whatever a program asks for.
TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
PACKAGES = (
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu12-libs",
    "tensorrt-cu13",
    "tensorrt-cu13-libs",
    "tensorrt-libs",
)
_SONAMES = ("libnvinfer.so.8", "libnvinfer.so.10", "libnvinfer.so.11")
_FIRST_LONG_VERSION = 100_000  # since 10.0, written MMmmpp; 8.6.1 was 8601


def prepare() -> None:
    """Forbid TF32 and find the libraries of pip, before TensorRT is loaded into this process.

    ONNX Runtime has no switch for TF32 in TensorRT, whose default it is on; so the variable is set
    for the process, where nobody has set it. TF32 keeps 10 bits of 23: it is not FP32.
    """
    os.environ.setdefault(TF32_VARIABLE, "0")
    try:
        # Importing it loads the libraries, which are on no path that a loader searches.
        importlib.import_module("tensorrt_libs")
    except Exception:  # noqa: BLE001 - not there, or broken: what loads them next says what is missing
        return


def tf32() -> str:
    """Say whether TF32 is used, in words."""
    value = os.environ.get(TF32_VARIABLE)
    is_off = value == "0"
    return f"{'off' if is_off else 'as the runtime likes'} ({TF32_VARIABLE}={value or 'not set'})"


def loaded_version() -> str | None:
    """Read the version of the TensorRT that this process has loaded; None where it has none."""
    for name in _SONAMES:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        except (OSError, AttributeError):  # not loaded; no such mode on this system
            continue
        number = int(library.getInferLibVersion())
        if number < _FIRST_LONG_VERSION:
            return f"{number // 1000}.{number // 100 % 10}.{number % 100}"
        return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    return None
