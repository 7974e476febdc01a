"""What torch makes of inputs: exactly, in FP32, and as FP16 must round it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch

from retinaface.config import OUTPUT_NAMES
from retinaface.model import RetinaFace, fold_batch_norms
from retinaface.reference import ReferenceCase
from retinaface.rounding import rounded_model
from retinaface.typing import FloatArray

_Outputs: TypeAlias = dict[str, FloatArray]
_CHUNK = 8  # images at a time: float64 activations of many are large


def torch_reference(model: RetinaFace, inputs: Mapping[str, FloatArray]) -> list[ReferenceCase]:
    """Run the network on inputs in float64, float32, and rounded to FP16.

    Args:
        model: In evaluation mode, float32.
        inputs: (N, 3, H, W) float32 by name.

    Returns:
        A case for each input.
    """
    double, folded, rounded = (
        copy.deepcopy(model).double(),
        fold_batch_norms(model),
        rounded_model(model),
    )
    cases = []
    for name, images in inputs.items():
        exact = _run(double, images)
        float32 = _further(exact, _run(model, images), _run(folded, images))
        cases.append(ReferenceCase(name, images, exact, float32, _run(rounded, images)))
    return cases


def _further(exact: _Outputs, a: _Outputs, b: _Outputs) -> _Outputs:
    """Of two values, the one further from the exact one.

    Both are what FP32 may give: with batch norms as they are, and folded as in every export. On
    flat images one of them can be exact by luck at every prior, and would be no floor at all.
    """
    return {
        name: np.where(
            np.abs(a[name] - exact[name]) > np.abs(b[name] - exact[name]), a[name], b[name]
        )
        for name in exact
    }


@torch.no_grad()
def _run(network: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    dtype = next(network.parameters()).dtype
    chunks = [images[i : i + _CHUNK] for i in range(0, len(images), _CHUNK)]
    parts = [network(torch.from_numpy(chunk).to(dtype)) for chunk in chunks]
    joined = (torch.cat(output).numpy() for output in zip(*parts, strict=True))
    return dict(zip(OUTPUT_NAMES, joined, strict=True))
