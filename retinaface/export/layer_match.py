"""Match the convolutions of an ONNX file with the network's layers by their weights."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retinaface.errors import ExportError
from retinaface.formats.faults import FormatError
from retinaface.network.model import RetinaFace
from retinaface.reference.layers import LayerMatch
from retinaface.reference.layers_from_torch import Convolution, torch_convolutions
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    import onnx


# A bias below this share of the kernel's norm is measured relative to the kernel, because the
# rounding of a bias near zero would look like a difference.
_SMALL_BIAS = 0.1
_N_OF_NORM = 5  # inputs of a batch norm


def match_convolutions(model: RetinaFace, file: Path) -> list[LayerMatch]:
    """Match each convolution of the network with the one of a file that has its weights.

    Among kernels of one shape the nearest pair first, so a layer with different weights still
    finds its counterpart.

    Args:
        model: In evaluation mode.
        file: ONNX, FP32, FP16 or INT8, with folded batch norms or not.

    Returns:
        One entry for each convolution, in the order in which torch executes them.

    Raises:
        ExportError: The file cannot be read, its convolutions differ in number or shape, or onnx is
            not installed.
    """
    layers = torch_convolutions(model)
    candidates = _file_convolutions(file, {layer.kernel.shape for layer in layers})
    if len(candidates) != len(layers):
        raise ExportError(
            f"cannot match the layers of {file}: expected {len(layers)} convolutions with constant "
            f"weights, got {len(candidates)}; export it with: retinaface export"
        )
    pairs = sorted(
        (_weight_error(layer, candidate), i, j)
        for i, layer in enumerate(layers)
        for j, candidate in enumerate(candidates)
        if layer.kernel.shape == candidate.kernel.shape
    )
    partners: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for error, i, j in pairs:
        if i not in partners and j not in taken:
            partners[i] = (j, error)
            taken.add(j)
    if alone := [layer for i, layer in enumerate(layers) if i not in partners]:
        raise ExportError(
            f"cannot match the layers of {file}: none of its convolutions is left for "
            f"{alone[0].name} with a kernel {alone[0].kernel.shape}; "
            "export it with: retinaface export"
        )
    return [
        LayerMatch(layer.name, candidates[partners[i][0]].name, partners[i][1])
        for i, layer in enumerate(layers)
    ]


def _weight_error(expected: Convolution, actual: Convolution) -> float:
    """Take the larger error of kernel and bias: one norm of both would hide the stem's kernel."""
    kernel_norm = _norm(expected.kernel)
    bias_norm = max(_norm(expected.bias), _SMALL_BIAS * kernel_norm)
    errors = (
        _norm(actual.kernel - expected.kernel) / (kernel_norm or 1.0),
        _norm(actual.bias - expected.bias) / (bias_norm or 1.0),
    )
    return max(error if np.isfinite(error) else np.inf for error in errors)


def _norm(array: FloatArray) -> float:
    return float(np.linalg.norm(array.ravel()))


def _file_convolutions(file: Path, shapes: Collection[tuple[int, ...]]) -> list[Convolution]:
    """List convolutions with constant weights; fold the batch norm that follows one.

    Args:
        file: To read.
        shapes: Of kernels. One of another shape matches no layer, and is left as it is.
    """
    graph, constants = _load(file)
    norms = {
        node.input[0]: node
        for node in graph.node
        if node.op_type == "BatchNormalization"
        and len(node.input) == _N_OF_NORM
        and all(n in constants for n in node.input[1:])
    }
    found = []
    for node in graph.node:
        names = weights_of(node)
        if not names or not all(name in constants for name in names):
            continue
        kernel, *biases = (constants[name] for name in names)
        if kernel.ndim != 4:  # of one axis, or of three: no layer of this network
            continue
        bias = biases[0] if biases else np.zeros(len(kernel))
        norm = norms.get(node.output[0])
        parameters = [] if norm is None else [constants[name] for name in norm.input[1:]]
        if any(one.shape != (len(kernel),) for one in (bias, *parameters)):
            raise ExportError(
                f"cannot match the layers of {file}: of {node.output[0]} the kernel has "
                f"{len(kernel)} outputs, and bias or batch norm have other ones; check the file"
            )
        convolution = Convolution(node.output[0], kernel, bias)
        if norm is not None and kernel.shape in shapes:
            convolution = _fold(convolution, norm, constants)
        found.append(convolution)
    return found


def weights_of(node: onnx.NodeProto) -> list[str]:
    """Name kernel and bias of a convolution; empty for any other node."""
    from retinaface.export.reading.constants import N_OF_QUANTISED, dequantised

    if node.op_type == "Conv":
        return [name for name in node.input[1:] if name]
    if (
        node.op_type == "QLinearConv" and len(node.input) >= N_OF_QUANTISED
    ):  # the bias is an integer, which its scales make real
        return [
            dequantised(node.input[3]),
            *(dequantised(name) for name in node.input[8:] if name),
        ]
    return []


def _fold(
    convolution: Convolution, norm: onnx.NodeProto, constants: dict[str, FloatArray]
) -> Convolution:
    """Fold a batch norm, y = scale * (x - mean) / sqrt(var + epsilon) + B, into a convolution."""
    scale, shift, mean, variance = (constants[name] for name in norm.input[1:])
    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
    gain = scale / np.sqrt(variance + epsilon)  # (C_out,)
    return Convolution(
        norm.output[0],
        convolution.kernel * gain[:, None, None, None],
        (convolution.bias - mean) * gain + shift,
    )


def _load(file: Path) -> tuple[onnx.GraphProto, dict[str, FloatArray]]:
    try:
        import onnx  # noqa: F401 - the question is whether it can be imported

        from retinaface.export.onnx_read import read_graph
        from retinaface.export.reading.constants import constants_of

        graph = read_graph(file).graph
        return graph, constants_of(graph)
    except ImportError as error:
        raise ExportError(
            f"cannot match the layers of {file}: onnx is not installed; pip install onnx"
        ) from error
    except (FormatError, OSError) as error:
        raise ExportError(
            f"cannot match the layers of {file}: it cannot be read as ONNX ({error}); check the "
            "file"
        ) from error
