"""What OpenVINO says of its graphs: ports, precision, and where each node ran.

Reads the runtime's own objects and imports nothing of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retinaface.engines.onnx_model import Port
from retinaface.network.config import OUTPUT_NAMES, PRECISION_KEY
from retinaface.typing import Precision

_TYPES: dict[str, type[np.floating[Any]]] = {"f32": np.float32, "f16": np.float16}


# What our own exports state; FP32 is not among them, since any other word means it.
_STATED: dict[str, Precision] = {"fp16": "fp16", "int8": "int8"}
_INTEGERS = frozenset({"i8", "u8"})
# Operations that multiply; what they compute in is what a precision is about.
_PRODUCTS = ("Convolution", "FullyConnected", "MatMul")


class Node(NamedTuple):
    """One node of the graph that the runtime made of the file.

    Attributes:
        name: Its name.
        kind: Operation, as `Convolution`.
        kernel: What computed it, as `brgconv_avx512_f32`.
        precision: What it computes in, as `f32`.
        has_run: Whether the runtime took a time of it; it rounds short ones to nothing.
    """

    name: str
    kind: str
    kernel: str
    precision: str
    has_run: bool


def placement_from_nodes(nodes: Sequence[Node], devices: Sequence[str]) -> dict[str, Any]:
    """Sort the nodes of a graph by what they run on and compute in.

    Args:
        nodes: Of the runtime's graph.
        devices: That executed it, as the runtime says.

    Returns:
        `provider`, `n_nodes` on it, `computed_in` (nodes for each floating type),
        `n_int8_nodes` (convolutions in INT8), `fallback`
        (`name (kind) by kernel` of each computation that an accelerator left to the processor),
        `shape_nodes_elsewhere` (how many nodes on integers it left there, as it should).
    """
    is_cpu = all(device.startswith("CPU") for device in devices)
    # The GPU's runtime has kernels for the processor and names them so.
    elsewhere = [n for n in nodes if not is_cpu and "cpu" in n.kernel.lower()]
    floats = [n for n in nodes if re.match(r"b?f\d", n.precision)]  # not i32, u8, undefined
    return {
        "provider": f"OpenVINO {', '.join(devices)}",
        "n_nodes": len(nodes) - len(elsewhere),
        "fallback": [f"{n.name} ({n.kind}) by {n.kernel}" for n in elsewhere if n in floats],
        "shape_nodes_elsewhere": len([n for n in elsewhere if n not in floats]),
        "n_int8_nodes": sum(n.kind in _PRODUCTS and n.precision in _INTEGERS for n in nodes),
        "computed_in": dict(sorted(Counter(n.precision for n in floats).items())),
    }


def nodes_of(network: Any, request: Any) -> list[Node]:
    """List the nodes of a compiled model that compute, in the order of execution.

    Args:
        request: One of its requests, after a run with times. The graph alone does not do: it is
            that of one stream, and another may have run.
    """
    kernels = {
        event.node_name: event.exec_type
        for event in request.get_profiling_info()
        if event.status.name == "EXECUTED"
    }
    found = []
    for op in network.get_runtime_model().get_ordered_ops():
        name, facts = op.get_friendly_name(), op.get_rt_info()
        kind, kernel, precision = (
            facts[key].astype(str) if key in facts else ""
            for key in ("layerType", "primitiveType", "runtimePrecision")
        )
        if kind not in ("Input", "Const", "Output"):
            ran_by = kernels.get(name)
            found.append(Node(name, kind, ran_by or kernel, precision, ran_by is not None))
    return found


def numerics_of(precision: Precision, placement: Mapping[str, Any]) -> str:
    """Say what the graph computed in.

    Args:
        precision: Of the engine.
        placement: See `placement_from_nodes`.
    """
    types = ", ".join(placement["computed_in"])
    if precision == "int8":
        n = placement["n_int8_nodes"]
        return f"computes {n} convolutions in INT8, others in {types or 'integers'}"
    if precision == "fp16" and "f16" not in placement["computed_in"]:
        return "computes in FP32 on FP16 weights, so it does not show FP16 numerics"
    return f"computes in {types}"


def port_of(port: Any) -> Port:
    """Describe an input or output of a model that was read."""
    names, kind = port.get_names(), port.get_element_type().get_type_name()
    axes = [axis.get_length() if axis.is_static else "?" for axis in port.get_partial_shape()]
    return Port(min(names) if names else "?", kind, _TYPES.get(kind), axes)


def weight_precision(graph: Any) -> Precision:
    """Tell the precision of the weights: what our own exports state, else that of the kernels."""
    key = ["framework", PRECISION_KEY]  # where the runtime keeps the metadata of a file
    if graph.has_rt_info(key):
        return _STATED.get(str(graph.get_rt_info(key).value), "fp32")
    kernels = {
        op.get_output_element_type(0).get_type_name()
        for op in graph.get_ops()
        if op.get_type_name() == "Constant" and len(op.get_output_partial_shape(0)) == 4
    }
    if kernels & _INTEGERS:
        return "int8"
    return "fp16" if "f16" in kernels else "fp32"


def reason_of(error: Exception) -> str:
    """Find the first line of the runtime's message that says more than where it was thrown."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return (told or lines or [type(error).__name__])[0].rstrip(".")


def mark_outputs(graph: Any, names: Sequence[str], source: Path) -> None:
    """Mark tensors of a graph as outputs.

    Args:
        source: The file that the graph was read from, for the message.

    Raises:
        ValueError: The graph has no tensor of a name.
    """
    known = {name for op in graph.get_ops() for o in op.outputs() for name in o.get_names()}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{len(unknown)} of {len(names)} names are no tensors of {source}, first {unknown[0]}"
        )
    graph.add_outputs([name for name in dict.fromkeys(names) if name not in OUTPUT_NAMES])
