"""Collect the facts about machine and Python that a result depends on."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from retinaface.children.start import run

# In place of the version of a package that states none.
NO_VERSION = "of no version"
PACKAGES = (
    "retinaface",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "scipy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "ncnn",
    "apache-tvm",
    "tvm",
    "igie",
    "ixrt",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu13",
    "cuda-bindings",
    "cuda-python",
    "torch",
    "onnx",
    "onnxsim",
    "onnxscript",
    "onnxconverter-common",
)


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Read versions of the installed packages among `names`."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


# Variables that decide how many threads a library starts, and how they wait.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
)
# As Linux names them: x86, then ARM.
_INT8_FLAGS = ("avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8", "asimddp", "i8mm")
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_NVIDIA_FIELDS = {
    "name": "name",
    "driver": "driver_version",
    "clock_mhz": "clocks.applications.graphics",
    "max_clock_mhz": "clocks.max.graphics",
    "power_limit_w": "power.limit",
}


def describe_environment() -> dict[str, Any]:
    """Collect the facts for a run record; JSON types only, None where a fact cannot be read."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "cpu_flags": cpu_flags(),
        "n_cpus": n_usable_cpus(),
        "memory_mib": _memory_mib(),
        "clocks": {
            name: _line(_CPUFREQ / name)
            for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
        },
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "accelerators": _accelerators(),
        "packages": package_versions(),
    }


def cpu_model() -> str:
    """Read the processor's name from the system."""
    return _cpu_field("model name") or platform.processor() or "unknown"


def cpu_flags() -> list[str]:
    """List the processor's instruction sets as Linux names them; empty on other systems."""
    return sorted((_cpu_field("flags") or _cpu_field("Features") or "").split())


def vnni() -> str:
    """Name the processor's instructions for sums of INT8 products; `none` where it has none.

    Without them x86 adds pairs of products in 16 bits, which saturates: INT8 gives other results.
    """
    found = [flag for flag in cpu_flags() if flag in _INT8_FLAGS]
    return ", ".join(found) or "none"


def _cpu_field(name: str) -> str | None:
    """Read the first processor's value of a field in /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None


def _memory_mib() -> int | None:
    """Read the size of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, OSError, ValueError):  # not every system has these
        return None


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # virtual machines show no clocks
        return None


def _accelerators() -> list[dict[str, str]]:
    """List name, driver, clocks of each NVIDIA device; other vendors' engines describe theirs."""
    query = ",".join(_NVIDIA_FIELDS.values())
    text = command_output("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits")
    rows = [[cell.strip() for cell in line.split(",")] for line in (text or "").splitlines()]
    return [dict(zip(_NVIDIA_FIELDS, row, strict=True)) for row in rows if row]


def n_usable_cpus() -> int:
    """Count the processors that this process may use: at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def device_name(engine: Mapping[str, Any]) -> str:
    """Give the maker's name for the device that an engine runs on.

    Args:
        engine: The result of `Engine.describe`; its `device_name` decides, where it has one.
    """
    if engine.get("device_name"):
        return str(engine["device_name"])
    if engine["device"] == "cpu":
        return cpu_model()
    if engine["device"] == "cuda":
        return _nvidia_name() or "cuda"
    return str(engine["device"])


def result_device(engine: Mapping[str, Any]) -> str:
    """Name the device of a result as its baselines do; INT8's depends on instructions too.

    Args:
        engine: The result of `Engine.describe`.
    """
    instructions = engine.get("int8_instructions")
    name = device_name(engine)
    return slug(name if instructions is None else f"{slug(name)} int8 {instructions}")


def _nvidia_name() -> str | None:
    names = command_output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names.splitlines()[0] if names else None


def version_of(module: Any) -> str:
    """Read a module's `__version__`; `of no version` where it has none."""
    return str(getattr(module, "__version__", None) or NO_VERSION)


def command_output(*command: str, variables: Mapping[str, str] | None = None) -> str | None:
    """Run a program from PATH and return its output; None if it is missing, fails, or hangs.

    Args:
        variables: Of its environment, beside those of this process or in their place.
    """
    environment = {**os.environ, **(variables or {})}
    try:
        result = run(command, timeout_s=20, env=environment)
        result.check_returncode()
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def slug(text: str) -> str:
    """Reduce to lower-case letters, digits, dots, dashes: `AMD EPYC @ 2.6` -> `amd-epyc-2.6`."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unknown"


def signal_name(number: int) -> str:
    """Name a signal, as `SIGKILL`; give its number where it has no name."""
    with contextlib.suppress(ValueError):  # real-time signals have none
        return signal.Signals(number).name
    return f"signal {number}"
