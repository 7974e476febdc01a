"""Write a small ONNX file with the network's interface, to try a runtime."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

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
    """Write a model that outputs the mean of each image at every prior.

    Args:
        size: Height and width of the input.
        precision: The precision that the file states; None states nothing.
        nan_in: An output that becomes NaN.
    """
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    nodes = [helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=1)]
    nodes.append(helper.make_node("Reshape", ["mean", "flat"], ["m"]))
    constants = [
        numpy_helper.from_array(np.array([-1, 1, 1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.ones((1, 1, 1, 1), dtype=np.float32), "weight"),
    ]
    values = []
    for name, width in zip(outputs, (4, 2, 10), strict=False):
        fill = np.full((1, N_PRIORS, width), 0.01, dtype=np.float32)
        if name == nan_in:
            fill[0, 7, 1] = np.nan
        constants.append(numpy_helper.from_array(fill, f"fill_{name}"))
        nodes.append(helper.make_node("Mul", ["m", f"fill_{name}"], [name]))
        values.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, N_PRIORS, width])
        )
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, *size])],
        values,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    if precision is not None:
        helper.set_model_props(model, {"retinaface.precision": precision})
    checker.check_model(model)
    save(model, path)
