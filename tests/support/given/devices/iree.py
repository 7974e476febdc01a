"""Faults inside IREE; rows of `rows`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from retinaface.engines.iree.engine import IreeEngine
from retinaface.engines.onnx_model import model_of

# The layer whose sums saturate, and where: the embedded weights reach 19 there on noise.
_LAYER, _LARGEST = "stage1.1.0", 4.0


class Saturates(IreeEngine):
    """The sums of one layer stop at a fifth of what they reach, as narrow accumulators do."""

    def __init__(self, spec):
        import numpy as np
        import onnx
        from onnx import helper, numpy_helper

        source = model_of(spec)
        model = onnx.load(source)
        (i,) = (
            i
            for i, node in enumerate(model.graph.node)
            if node.op_type == "Conv" and _LAYER in node.output[0]
        )
        node = model.graph.node[i]
        wide, node.output[0] = node.output[0], f"{node.output[0]}_wide"
        bounds = [f"{_LAYER}_least", f"{_LAYER}_largest"]
        for name, value in zip(bounds, (-_LARGEST, _LARGEST), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.float16(value), name))
        clip = helper.make_node("Clip", [node.output[0], *bounds], [wide])
        model.graph.node.insert(i + 1, clip)
        file = Path(tempfile.mkdtemp(prefix="retinaface-test-")) / source.name
        onnx.save(model, file)
        super().__init__(replace(spec, model=file))
