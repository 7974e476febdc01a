"""Match the convolutions of an ONNX file with the network's layers by their weights."""

from __future__ import annotations

from collections.abc import Iterator
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
_N_OF_QUANTISED = 8  # inputs of a quantised convolution, before its bias
# Types of ONNX that hold texts or complex numbers.
_NO_NUMBERS = {8, 14, 15}


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
    layers, candidates = torch_convolutions(model), _file_convolutions(file)
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


def _file_convolutions(file: Path) -> list[Convolution]:
    """List convolutions with constant weights; fold the batch norm that follows one."""
    graph = _load_graph(file)
    constants = _constants(graph)
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
        found.append(convolution if norm is None else _fold(convolution, norm, constants))
    return found


def weights_of(node: onnx.NodeProto) -> list[str]:
    """Name kernel and bias of a convolution; empty for any other node."""
    if node.op_type == "Conv":
        return [name for name in node.input[1:] if name]
    if (
        node.op_type == "QLinearConv" and len(node.input) >= _N_OF_QUANTISED
    ):  # the bias is an integer, which its scales make real
        return [
            _dequantised(node.input[3]),
            *(_dequantised(name) for name in node.input[8:] if name),
        ]
    return []


def _dequantised(name: str) -> str:
    return f"{name} dequantised"


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


def _load_graph(file: Path) -> onnx.GraphProto:
    try:
        import onnx  # noqa: F401 - the question is whether it can be imported

        from retinaface.export.onnx_read import read_graph

        return read_graph(file).graph
    except ImportError as error:
        raise ExportError(
            f"cannot match the layers of {file}: onnx is not installed; pip install onnx"
        ) from error
    except (FormatError, OSError) as error:
        raise ExportError(
            f"cannot match the layers of {file}: it cannot be read as ONNX ({error}); check the "
            "file"
        ) from error


def _constants(graph: onnx.GraphProto) -> dict[str, FloatArray]:
    """Read initializers and Constant nodes as float64, through Identity and Cast nodes too."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:  # sorted: a node comes after its inputs
        if node.op_type == "Constant":
            values = [a.t for a in node.attribute if a.name == "value"]
            tensors.update(zip(node.output, values, strict=False))
        elif node.op_type in ("Identity", "Cast") and node.input and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    found: dict[str, FloatArray] = {
        name: numpy_helper.to_array(tensor).astype(np.float64)
        for name, tensor in tensors.items()
        if tensor.data_type not in _NO_NUMBERS
    }
    return found | dict(_real_numbers(graph, found))


def _real_numbers(
    graph: onnx.GraphProto, constants: dict[str, FloatArray]
) -> Iterator[tuple[str, FloatArray]]:
    """Compute from quantised constants the real numbers that they stand for."""
    for node in graph.node:
        inputs = [*node.input, "", "", ""]  # those that are left out have no name
        if node.op_type == "DequantizeLinear" and all(n in constants for n in inputs[:2]):
            if inputs[2] and inputs[2] not in constants:
                continue
            zero = constants[inputs[2]] if inputs[2] else np.zeros(1)
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            values = constants[inputs[0]]
            yield node.output[0], _real(values, constants[inputs[1]], zero, axis)
        elif node.op_type == "QLinearConv" and len(node.input) >= _N_OF_QUANTISED:
            if not all(n in constants for n in (*inputs[3:6], inputs[1])):
                continue
            values, scale, zero = (constants[n] for n in inputs[3:6])
            yield _dequantised(inputs[3]), _real(values, scale, zero, 0)
            if inputs[8] in constants:
                step = constants[inputs[1]] * scale
                yield _dequantised(inputs[8]), _real(constants[inputs[8]], step, np.zeros(1), 0)


def _real(values: FloatArray, scale: FloatArray, zero: FloatArray, axis: int) -> FloatArray:
    """Compute (values - zero) * scale; both of one number, or one for each index of the axis."""
    shape = [1] * values.ndim
    if values.ndim and -values.ndim <= axis < values.ndim:
        shape[axis] = -1
    per_index = values.shape[axis] if -1 in shape else 1
    if any(x.size not in (1, per_index) for x in (zero, scale)):
        return np.full(values.shape, np.nan)  # matches no layer
    spread = [x.reshape(shape) if x.size > 1 else x.reshape(()) for x in (zero, scale)]
    return np.asarray((values - spread[0]) * spread[1])
