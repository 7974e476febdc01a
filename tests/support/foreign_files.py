"""ONNX files as other exporters write them, made from files of this project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def edit(file: Path, change: Callable[[Any], None], target: Path | None = None) -> Path:
    """Change the graph of a file, and write it back or to another path; its manifest stays away."""
    import onnx

    model = onnx.load(file)
    change(model.graph)
    target = target or file
    onnx.save(model, target)
    return target


def renamed(*names: str) -> Callable[[Any], None]:
    """Give input and outputs other names: `renamed("input", "output", "607", "606")`."""

    def change(graph: Any) -> None:
        new = dict(zip([v.name for v in (*graph.input, *graph.output)], names, strict=True))
        for node in graph.node:
            for fields in (node.input, node.output):
                for i, name in enumerate(fields):
                    fields[i] = new.get(name, name)
        for value in (*graph.input, *graph.output):
            value.name = new[value.name]

    return change


def without_softmax(graph: Any) -> None:
    """Leave the softmax out, so that the second output holds logits."""
    softmax = next(node for node in graph.node if node.op_type == "Softmax")
    maker = next(node for node in graph.node if softmax.input[0] in node.output)
    maker.output[list(maker.output).index(softmax.input[0])] = softmax.output[0]
    graph.node.remove(softmax)


def move_weights_outside(file: Path, location: str = "weights.bin") -> Path:
    """Write the weights of a file into another one beside it, which it gives."""
    import onnx

    model = onnx.load(file)
    onnx.save(model, file, save_as_external_data=True, location=location, size_threshold=0)
    return file.with_name(location)


def change_last_weight(data: Path, value: float) -> None:
    """Overwrite the last float32 of a file of weights."""
    import numpy as np

    content = bytearray(data.read_bytes())
    content[-4:] = np.float32(value).tobytes()
    data.write_bytes(content)
