"""Load TensorRT's libraries from pip's folders, read their version, and forbid TF32."""

from __future__ import annotations

import ctypes
import importlib
import os

# NVIDIA's libraries, such as TensorRT, read this: 0 forbids TF32 even if a program asks for it.
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
_FIRST_LONG_VERSION = 100_000  # MMmmpp since 10.0; before that 8.6.1 was 8601


def prepare() -> None:
    """Forbid TF32 and find pip's libraries, before this process loads TensorRT.

    TensorRT uses TF32 by default, and ONNX Runtime has no switch for it, so this sets the variable
    for the process, unless it is set already. TF32 keeps 10 of 23 bits: it is not FP32.
    """
    os.environ.setdefault(TF32_VARIABLE, "0")
    try:
        # The import loads the libraries, which no loader's search path contains.
        importlib.import_module("tensorrt_libs")
    except Exception:  # noqa: BLE001 - missing or broken: the next load reports it
        return


def tf32() -> str:
    """Describe in words whether TF32 is used."""
    value = os.environ.get(TF32_VARIABLE)
    is_off = value == "0"
    return f"{'off' if is_off else 'up to the runtime'} ({TF32_VARIABLE}={value or 'not set'})"


def loaded_version() -> str | None:
    """Read the version of the TensorRT that this process has loaded; None without one."""
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
