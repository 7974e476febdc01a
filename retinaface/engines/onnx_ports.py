"""Interface and precision of an ONNX file read by onnx, for runtimes that do not tell them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retinaface.config import PRECISION_KEY
from retinaface.engines.base import EngineSpec
from retinaface.engines.onnx_interface import (
    Port,
    check_interface,
    check_precision,
    read_precision,
)
from retinaface.errors import EngineUnavailable

if TYPE_CHECKING:
    import onnx


def check_file(spec: EngineSpec, model: Path) -> int | None:
    """Hold names, types, axes and precision of a file against a specification.

    Args:
        spec: What the engine is asked to be.
        model: The file.

    Returns:
        The one batch size that the file takes; None where it takes any.

    Raises:
        EngineUnavailable: onnx is not installed, or the file cannot be read or does not fit.
    """
    try:
        import onnx
    except ImportError as error:
        raise EngineUnavailable(
            f"{spec.name} reads names and axes of {model} with onnx, which cannot be imported "
            f"({error}); pip install onnx"
        ) from error
    try:
        loaded = onnx.load(model, load_external_data=False)
    except Exception as error:  # protobuf's errors have no base that is public
        raise EngineUnavailable(
            f"{spec.name} cannot load {model}: {error}; check the file"
        ) from error
    if not loaded.graph.input:
        raise EngineUnavailable(f"{spec.name} cannot load {model}: no ONNX graph; check the file")
    weights = {tensor.name for tensor in loaded.graph.initializer}
    inputs = [_port(value) for value in loaded.graph.input if value.name not in weights]
    batch = check_interface(spec, model, inputs, [_port(v) for v in loaded.graph.output])
    stated = {entry.key: entry.value for entry in loaded.metadata_props}.get(PRECISION_KEY)
    check_precision(spec, model, read_precision(spec, model, stated))
    return batch


def _port(value: onnx.ValueInfoProto) -> Port:
    import onnx

    tensor = value.type.tensor_type
    axes = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim]
    types: dict[int, type[np.floating[Any]]] = {
        onnx.TensorProto.FLOAT: np.float32,
        onnx.TensorProto.FLOAT16: np.float16,
    }
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    return Port(value.name, name, types.get(tensor.elem_type), axes)
