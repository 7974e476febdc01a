"""Import ONNX Runtime, find out where it ran a graph, and why it fell back.

All other modules import onnxruntime from here.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retinaface.engines.importing import importing
from retinaface.errors import first_line

with importing("onnxruntime", "install the extra 'cpu' or 'gpu'"):
    import onnxruntime as ort

__all__ = ["missing_library", "ort", "placement_from_profile", "quiet", "why_not_int8"]


_INT8_OPERATORS = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "QGemm")


def placement_from_profile(profile: list[dict[str, Any]], provider: str) -> dict[str, Any]:
    """Sort the nodes of an ONNX Runtime profile by the provider that ran them.

    Args:
        profile: The events of the profile file.
        provider: The provider that should have run them.

    Returns:
        `provider`, `n_nodes` on it, `n_int8_nodes` that multiply integers, `fallback` (`name (op)
        on provider` of each computation that ran elsewhere), `shape_nodes_elsewhere` (how many).
    """
    n_nodes, n_shape, n_int8, fallback = 0, 0, 0, []
    for event in profile:
        arguments = event.get("args", {})
        if event.get("cat") != "Node" or "provider" not in arguments:
            continue
        if not str(event["name"]).endswith("_kernel_time"):
            continue
        if arguments["provider"] == provider:
            n_nodes += 1
            n_int8 += arguments.get("op_name") in _INT8_OPERATORS
        elif any("float" in kind for output in arguments["output_type_shape"] for kind in output):
            name = str(event["name"]).removesuffix("_kernel_time")
            fallback.append(f"{name} ({arguments['op_name']}) on {arguments['provider']}")
        else:
            n_shape += 1
    return {
        "provider": provider,
        "n_nodes": n_nodes,
        "n_int8_nodes": n_int8,
        "fallback": fallback,
        "shape_nodes_elsewhere": n_shape,
    }


def why_not_int8(model: Path) -> str:
    """Say that no node of a file multiplied integers, why, and what to do."""
    return (
        f"asked for INT8, but onnxruntime {ort.__version__} computes no convolution of {model} in "
        "it: QuantizeLinear and DequantizeLinear stand where it fuses none; export with: "
        "retinaface export --precision int8"
    )


def missing_library(provider_library: str) -> str | None:
    """Load a provider's library as the runtime does, to find out what is missing.

    Args:
        provider_library: `cuda`, `tensorrt`.

    Returns:
        The loader's message; None where the library loads.
    """
    name = f"libonnxruntime_providers_{provider_library}.so"
    try:
        # The shared library first, because the providers take symbols from it.
        ctypes.CDLL(str(_folder() / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(_folder() / name))
    except OSError as error:
        return first_line(error)
    return None


def _folder() -> Path:
    return Path(ort.__file__).parent / "capi"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the runtime's lines about missing libraries off the terminal; errors are raised."""
    ort.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        ort.set_default_logger_severity(2)  # the runtime's own default
