"""Quantise and dequantise as opset 10 to 18 say it, which onnx's own evaluator leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np


def quantised_operators() -> list[type]:
    """Make `QuantizeLinear` and `DequantizeLinear` for `ReferenceEvaluator(new_ops=[...])`."""
    from onnx.reference.op_run import OpRun

    class QuantizeLinear(OpRun):
        op_domain = ""

        def _run(self, x: Any, scale: Any, zero: Any = None, **attributes: Any) -> Any:
            zero = np.zeros(1, np.uint8) if zero is None else zero
            step, offset = (_along(part, x, attributes) for part in (scale, zero))
            limits = np.iinfo(zero.dtype)
            found = np.rint(x / step) + offset.astype(np.float64)
            return (np.clip(found, limits.min, limits.max).astype(zero.dtype),)

    class DequantizeLinear(OpRun):
        op_domain = ""

        def _run(self, x: Any, scale: Any, zero: Any = None, **attributes: Any) -> Any:
            zero = np.zeros(1, x.dtype) if zero is None else zero
            step, offset = (_along(part, x, attributes) for part in (scale, zero))
            return ((x.astype(np.int64) - offset.astype(np.int64)).astype(scale.dtype) * step,)

    return [QuantizeLinear, DequantizeLinear]


def _along(part: Any, x: Any, attributes: dict[str, Any]) -> Any:
    """Spread one number for each index of the axis, or one for all, over an array."""
    if part.size == 1:
        return part.reshape(())
    axis = attributes.get("axis")
    shape = [1] * x.ndim
    shape[1 if axis is None else axis] = -1
    return part.reshape(shape)
