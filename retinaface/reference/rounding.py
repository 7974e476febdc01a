"""Predict the error that the rounding of FP16 must cause in this network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from retinaface.network.model import RetinaFace, fold_batch_norms


def rounded_model(model: RetinaFace) -> RetinaFace:
    """Make a network that predicts, in FP32 arithmetic, what FP16 computes.

    Batch norms are folded; weights and every layer's input and output are rounded to FP16. Sums
    stay FP32, as in the accumulators of accelerators. Beyond 65 504 the rounding gives infinity,
    as FP16 does.

    Args:
        model: In evaluation mode; stays unchanged.

    Returns:
        A copy that takes and gives float32.
    """
    rounded = fold_batch_norms(model).float()
    with torch.no_grad():
        for tensor in rounded.parameters():
            tensor.copy_(tensor.half())
    for layer in leaves(rounded).values():
        layer.register_forward_pre_hook(_round_inputs)
        layer.register_forward_hook(_round_output)
    rounded.register_forward_hook(_round_output)
    return rounded


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """List the layers that compute something, by name, in the order of their creation."""
    return {
        name: module
        for name, module in model.named_modules()
        if not list(module.children()) and not isinstance(module, nn.Identity)
    }


def _round_inputs(_layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.half().float() for x in inputs)


def _round_output(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(x.half().float() for x in output)
    return output.half().float()
