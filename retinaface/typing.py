"""Short names for types; docstrings give shapes and valid ranges of arrays."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Precision: TypeAlias = Literal["fp32", "fp16", "int8"]
# Those whose rounding predicts an error; INT8 is held to budgets instead.
FloatPrecision: TypeAlias = Literal["fp32", "fp16"]
# What the second output of a file holds, background and face.
Scores: TypeAlias = Literal["probabilities", "logits"]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ByteArray: TypeAlias = npt.NDArray[np.uint8]


def float_of(precision: Precision) -> FloatPrecision:
    """Give the precision whose tolerances hold between two calls of one engine: INT8 has FP16's.

    Integers repeat exactly, and the floats between them round; what INT8 itself costs is another
    question, of budgets.
    """
    return "fp16" if precision == "int8" else precision


def rounding_of(*precisions: str) -> FloatPrecision:
    """Choose the precision whose tolerances hold for a comparison of detections.

    Args:
        precisions: Of each side; one that is not stated, as of `score`, is held to FP32.

    Returns:
        `fp16` where a side is FP16, or INT8, whose tolerances between two runs are FP16's.
    """
    return "fp16" if {"fp16", "int8"} & set(precisions) else "fp32"
