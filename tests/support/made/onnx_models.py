"""Small ONNX files with the interface of the network, for tests of engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.export.tiny_model import N_PRIORS


def edited(file: Path, path: Path, edit: Callable[[Any], object]) -> Path:
    """Write a changed copy of a file; `edit` gets its graph."""
    import onnx

    model = onnx.load(file)
    edit(model.graph)
    onnx.save(model, path)
    return path


def convolution(
    nodes: list[Any] | None = None, weight: float = 1.0, opset: int = 18, name: str = "w"
) -> Any:
    """Make a model of one convolution, or of other nodes from `input` to `loc`.

    Args:
        nodes: In place of the convolution.
        weight: Every value of its kernel.
        opset: Of the model.
        name: Of the kernel.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    array = np.full((1, 3, 1, 1), weight, dtype=np.float32)
    graph = helper.make_graph(
        nodes or [helper.make_node("Conv", ["input", name], ["loc"])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("loc", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [numpy_helper.from_array(array, name)],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def small_graph(*nodes: Any, **constants: Any) -> Any:
    """Make a model from `input` to `out`: `small_graph(("Relu", ["input"], ["out"]))`."""
    from onnx import TensorProto, helper, numpy_helper

    made = [
        helper.make_node(kind, inputs, outputs, **dict(*more))
        for kind, inputs, outputs, *more in nodes
    ]
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 8, 8])
    target = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    parts = helper.make_graph(made, "g", [source], [target], tensors)
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(parts, opset_imports=opsets, ir_version=7)


def naming_weights(location: str) -> bytes:
    """Write, without onnx, a file of one tensor whose values lie in another file."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    place = field(1, b"location") + field(2, location.encode())
    return field(7, field(5, field(13, place)))  # the graph, its tensor, `external_data`


def write_heads(path: Path, *, batch: int | str = "batch", n_outputs: int = 3) -> None:
    """Write a model with a convolution for each head, in the form of the network's last layers.

    Args:
        path: Where.
        batch: Of the input.
        n_outputs: 3, concatenated and after softmax; 9, as the convolutions give them.
    """
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    nodes, constants, heads = [], [], []
    flat: dict[str, list[str]] = {"loc": [], "conf": [], "landmarks": []}
    for level, stride in enumerate((8, 16, 32)):
        nodes.append(
            helper.make_node(
                "AveragePool",
                ["input"],
                [f"p{level}"],
                kernel_shape=[stride] * 2,
                strides=[stride] * 2,
            )
        )
        for name, width in zip(flat, (4, 2, 10), strict=True):
            head = f"{name}_{level}"
            weight = rng.normal(0, 0.02, (2 * width, 3, 1, 1)).astype(np.float32)
            shape = np.array([-1, 2 * (320 // stride) ** 2, width], dtype=np.int64)
            constants += [
                numpy_helper.from_array(weight, f"w_{head}"),
                numpy_helper.from_array(shape, f"s_{head}"),
            ]
            nodes += [
                helper.make_node("Conv", [f"p{level}", f"w_{head}"], [head]),
                helper.make_node("Transpose", [head], [f"t_{head}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"t_{head}", f"s_{head}"], [f"f_{head}"]),
            ]
            flat[name].append(f"f_{head}")
            side = 320 // stride
            heads.append(
                helper.make_tensor_value_info(
                    head, TensorProto.FLOAT, [batch, 2 * width, side, side]
                )
            )
    values = heads
    if n_outputs == 3:
        nodes += [
            helper.make_node("Concat", flat["loc"], ["loc"], axis=1),
            helper.make_node("Concat", flat["conf"], ["logits"], axis=1),
            helper.make_node("Softmax", ["logits"], ["conf"], axis=-1),
            helper.make_node("Concat", flat["landmarks"], ["landmarks"], axis=1),
        ]
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, N_PRIORS, width])
            for name, width in zip(flat, (4, 2, 10), strict=True)
        ]
    else:
        nodes = [node for node in nodes if node.op_type in ("AveragePool", "Conv")]
        constants = [c for c in constants if c.name.startswith("w_")]
    for node in nodes:
        node.name = f"make_{node.output[0]}"
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 320, 320])
    graph = helper.make_graph(nodes, "heads", [image], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    checker.check_model(model)
    save(model, path)


def write_means(
    path: Path,
    *,
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (320, 320),
    edit: Callable[[Any], object] | None = None,
) -> None:
    """Write a model whose outputs are the mean of each image over a hundred, in convolutions.

    `conf` is a softmax of that. As `write_model`, whose ReduceMean pnnx turns into a mean over the
    columns alone.

    Args:
        path: Where.
        batch: Of the input.
        size: Height and width of the input.
        edit: Changes the graph.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("GlobalAveragePool", ["input"], ["pooled"])]
    constants, values = [], []
    for name, width in (("loc", 4), ("conf", 2), ("landmarks", 10)):
        kernel = np.full((N_PRIORS * width, 3, 1, 1), 1 / 300, np.float32)
        shape = np.array([-1, N_PRIORS, width])
        constants += [numpy_helper.from_array(kernel, f"kernel_{name}")]
        constants += [numpy_helper.from_array(shape, f"shape_{name}")]
        nodes.append(helper.make_node("Conv", ["pooled", f"kernel_{name}"], [f"flat_{name}"]))
        shaped = "logits" if name == "conf" else name
        nodes.append(helper.make_node("Reshape", [f"flat_{name}", f"shape_{name}"], [shaped]))
        if name == "conf":
            nodes.append(helper.make_node("Softmax", [shaped], [name], axis=-1))
        shape = [batch, N_PRIORS, width]
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, *size])
    graph = helper.make_graph(nodes, "tiny", [given], values, constants)
    if edit is not None:
        edit(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    helper.set_model_props(model, {"retinaface.precision": "fp32"})
    onnx.save(model, path)


def write_convolutions(path: Path) -> None:
    """Write a model of each kind of convolution that compilers tell apart.

    Kernels of 1 and 3, with padding and strides, one with a group for each channel, channels that
    fill a vector and those that do not; with a bias or without, a rectifier, a sum, transposed.
    """
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    constants, nodes = [], []

    def convolve(name: str, source: str, shape: tuple[int, ...], **settings: Any) -> str:
        has_bias = settings.pop("has_bias", True)
        weight = rng.normal(0, 0.3 / shape[1], shape).astype(np.float32)
        constants.append(numpy_helper.from_array(weight, f"w_{name}"))
        inputs = [source, f"w_{name}"]
        if has_bias:
            bias = rng.normal(0, 0.1, shape[:1]).astype(np.float32)
            constants.append(numpy_helper.from_array(bias, f"b_{name}"))
            inputs.append(f"b_{name}")
        nodes.append(helper.make_node("Conv", inputs, [name], **settings))
        return name

    def add(kind: str, sources: list[str], name: str, **settings: Any) -> str:
        nodes.append(helper.make_node(kind, sources, [name], **settings))
        return name

    padded = {"pads": [1, 1, 1, 1]}
    first = convolve("first", "input", (8, 3, 3, 3), strides=[2, 2], **padded)
    narrow = add("Relu", [first], "narrow")
    each = add("Relu", [convolve("each", narrow, (8, 1, 3, 3), group=8, **padded)], "each_r")
    wide = convolve("wide", each, (32, 8, 1, 1), has_bias=False, strides=[4, 4])
    shifted = convolve("shifted", wide, (32, 32, 3, 3), strides=[2, 2], **padded)
    odd = convolve("odd", add("Relu", [shifted], "shifted_r"), (20, 32, 1, 1))
    again = convolve("again", odd, (20, 20, 3, 3), **padded)
    last = add("Transpose", [add("Add", [odd, again], "sum")], "last", perm=[0, 2, 3, 1])
    constants.append(numpy_helper.from_array(np.array([-1, 1, 20 * 20 * 20], np.int64), "flat"))
    flat, values = add("Reshape", [last, "flat"], "values"), []
    for name, width in (("loc", 4), ("conf", 2), ("landmarks", 10)):
        shape = np.array([-1, N_PRIORS, width], np.int64)
        index = rng.permutation(np.arange(N_PRIORS * width) % 8000).astype(np.int64)
        constants += [
            numpy_helper.from_array(index, f"i_{name}"),
            numpy_helper.from_array(shape, f"s_{name}"),
        ]
        taken = add("Gather", [flat, f"i_{name}"], f"t_{name}", axis=2)
        add("Reshape", [taken, f"s_{name}"], "logits" if name == "conf" else name)
        values.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", N_PRIORS, width])
        )
    add("Softmax", ["logits"], "conf", axis=-1)
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 320, 320])
    graph = helper.make_graph(nodes, "convolutions", [image], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    helper.set_model_props(model, {"retinaface.precision": "fp32"})
    checker.check_model(model)
    save(model, path)


def store_as_fp16(graph: Any) -> None:
    """Store kernels in FP16, and cast them back where they are used."""
    from onnx import helper, numpy_helper

    for tensor in [t for t in graph.initializer if t.name.startswith("kernel")]:
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=1))


def grey_images(*values: float) -> np.ndarray:
    """Make an image (3, 320, 320) of one grey for each value."""
    return np.stack([np.full((3, 320, 320), v, np.float32) for v in values])
