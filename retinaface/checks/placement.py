"""Whether an engine ran where its name says: not on the CPU, or on the CPU alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DESCRIBED = ("name", "device", "precision", "runtime")
# Words in the names that runtimes give to what is no CPU: ONNX Runtime's execution providers, the
# devices of OpenVINO, TVM, torch and ncnn, and what vendors call theirs. `auto` chooses by itself.
_ACCELERATORS = frozenset(
    {"acl", "cann", "coreml", "cuda", "directml", "dml", "dsp", "gpu", "hexagon", "hip"}
    | {"iluvatar", "ixrt", "metal", "migraphx", "mps", "nnapi", "npu", "nvidia", "nvtensorrtrtx"}
    | {"opencl", "qnn", "rknpu", "rocm", "snpe", "tensorrt", "tpu", "vitisai", "vsinpu", "vulkan"}
    | {"webgpu", "webnn", "xpu"}
)
# A word, also where names run together, as in `CUDAExecutionProvider`.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def placement_problems(device: str, precision: str, described: Mapping[str, Any]) -> list[str]:
    """Find what in an engine's description speaks against the device and precision of its name.

    Args:
        device: `cpu`, `cuda`, ...; `auto` leaves the choice to the runtime.
        precision: That the name states.
        described: What `Engine.describe` gave.

    Returns:
        One sentence for each problem; none where the engine ran where its name says.
    """
    placement = described.get("placement") or {}
    provider, fallback = placement.get("provider"), placement.get("fallback")
    problems = [f"describe() gives no {key}" for key in _DESCRIBED if not described.get(key)]
    for key, expected in (("device", device), ("precision", precision)):
        if described.get(key) not in (None, expected):
            problems.append(f"{key} is {described[key]}, the name says {expected}")
    if not provider:
        problems.append("describe()['placement']['provider'] does not say what ran the graph")
    if fallback:
        problems.append(f"{len(fallback)} nodes ran elsewhere: {', '.join(map(str, fallback))}")
    if device == "cpu" and (found := accelerators(str(provider))):
        problems.append(f"the graph ran on {provider} ({', '.join(found)}), not on the CPU")
    if device not in ("cpu", "auto"):
        if "cpu" in str(provider).lower():
            problems.append(f"the graph ran on {provider}, not on {device}")
        if fallback is None:
            problems.append("describe()['placement']['fallback'] is missing: no proof of placement")
    return problems


def accelerators(provider: str) -> list[str]:
    """Find the words in the name of a provider that name something else than a CPU."""
    lower = provider.lower()
    words = {word.lower() for word in _WORD.findall(provider)} | set(re.findall("[a-z]+", lower))
    return sorted(_ACCELERATORS & {word.removesuffix("executionprovider") for word in words})
