"""What this machine and this Python have: the facts that a result depends on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "retinaface",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "scipy",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "onnx",
    "onnxsim",
    "onnxscript",
    "onnxconverter-common",
)


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of the installed ones among `names`."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_environment() -> dict[str, Any]:
    """Collect the facts for a run record; JSON types only."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "n_cpus": n_usable_cpus(),
        "packages": package_versions(),
    }


def cpu_model() -> str:
    """Name of the processor, as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def n_usable_cpus() -> int:
    """Processors that this process may run on: at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def device_name(engine: Mapping[str, Any]) -> str:
    """Name of the device that an engine runs on, as its maker calls it.

    Args:
        engine: What `Engine.describe` gave; its `device_name` counts, where it has one.
    """
    if engine.get("device_name"):
        return str(engine["device_name"])
    if engine["device"] == "cpu":
        return cpu_model()
    if engine["device"] == "cuda":
        return _nvidia_name() or "cuda"
    return str(engine["device"])


def _nvidia_name() -> str | None:
    names = command_output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names.splitlines()[0] if names else None


def command_output(*command: str) -> str | None:
    """What a program from PATH prints, stripped; None where it is missing, fails, or hangs."""
    try:
        result = subprocess.run(  # noqa: S603 - fixed commands, no shell
            command, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
