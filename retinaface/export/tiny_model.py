"""Write a small ONNX file with the network's interface, to try a runtime."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

N_PRIORS = 4200


@functools.cache
def tiny_model() -> Path:
    """Write a file with constant outputs, once; it is enough to open a session."""
    path = Path(tempfile.mkdtemp(prefix="retinaface-test-")) / "tiny.onnx"
    write_model(path)
    return path


def write_model(
    path: Path,
    *,
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (320, 320),
    outputs: tuple[str, ...] = ("loc", "conf", "landmarks"),
    precision: str | None = "fp32",
    nan_in: str | None = None,
) -> None:
    """Write a model: the mean of each image at every prior, and a softmax as second output.

    Args:
        size: Height and width of the input.
        precision: The precision of its only weight, which the file states; None states nothing.
        nan_in: An output that becomes NaN.
    """
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    from retinaface.network.priors import prior_boxes

    n_priors = len(prior_boxes(*(axis if isinstance(axis, int) else 320 for axis in size)))
    stored = np.float16 if precision == "fp16" else np.float32
    nodes = [
        helper.make_node("Cast", ["stored"], ["weight"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["input", "weight"], ["grey"]),
        helper.make_node("ReduceMean", ["grey"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "flat"], ["m"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([-1, 1, 1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.ones((1, 3, 1, 1), dtype=stored), "stored"),
    ]
    values = []
    for name, width in zip(outputs, (4, 2, 10), strict=False):
        made, fill = _output(name, (1, n_priors, width), has_nan=name == nan_in)
        nodes += made
        constants.append(fill)
        axes = [batch, n_priors, width]
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, *size])
    graph = helper.make_graph(nodes, "tiny", [image], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    if precision is not None:
        helper.set_model_props(model, {"retinaface.precision": precision})
    checker.check_model(model)
    save(model, path)


def _output(name: str, shape: tuple[int, ...], *, has_nan: bool) -> tuple[list[Any], Any]:
    """Give the nodes of an output and their constant; two values for a prior are a softmax."""
    import numpy as np
    from onnx import helper, numpy_helper

    fill = np.full(shape, 0.01, dtype=np.float32)
    if has_nan:
        fill[0, 7, 1] = np.nan
    constant = numpy_helper.from_array(fill, f"fill_{name}")
    if shape[-1] != 2:
        return [helper.make_node("Mul", ["m", constant.name], [name])], constant
    logits = f"{name}_logits"
    product = helper.make_node("Mul", ["m", constant.name], [logits])
    return [product, helper.make_node("Softmax", [logits], [name], axis=-1)], constant
