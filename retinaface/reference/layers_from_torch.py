"""Run the network's layers in torch, for their outputs and the range of their values.

A layer is a convolution with its batch norm folded in.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.model import RetinaFace, fold_batch_norms
from retinaface.reference.accumulation import accumulating_model, one_thread
from retinaface.reference.floors import Floor
from retinaface.reference.layers import (
    N_LAYER_IMAGES,
    LayerMatch,
    LayerReference,
    LayerValues,
    sample,
)
from retinaface.reference.rounding import leaves, rounded_model
from retinaface.typing import FloatArray


@dataclass(frozen=True)
class Convolution:
    """The weights that identify a convolution.

    Attributes:
        name: Name of the module, or of its output tensor.
        kernel: (C_out, C_in / groups, k, k) float64.
        bias: (C_out,) float64.
    """

    name: str
    kernel: FloatArray
    bias: FloatArray


def exact_model(model: RetinaFace) -> RetinaFace:
    """Make a float64 copy with folded batch norms, without rounding to float32 on the way."""
    return fold_batch_norms(copy.deepcopy(model).double())


def activations(network: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    """Run a network and keep the outputs of its convolutions.

    Args:
        network: With batch norms folded.
        images: (N, 3, H, W), cast to the dtype of the network.

    Returns:
        The output (N, C, h, w) of every convolution by module name, in the order of execution; then
        `loc`, `conf` and `landmarks`.
    """
    found: dict[str, FloatArray] = {}

    def keeper(name: str) -> Any:
        return lambda _module, _inputs, output: found.update({name: output.numpy()})

    hooks = [
        module.register_forward_hook(keeper(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    dtype = next(network.parameters()).dtype
    try:
        with torch.inference_mode():
            outputs = network(torch.from_numpy(images).to(dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return found | {k: v.numpy() for k, v in zip(OUTPUT_NAMES, outputs, strict=True)}


def match_modules(model: RetinaFace) -> list[LayerMatch]:
    """Match each folded convolution with the module that gives its output, for torch engines.

    Returns:
        One entry for each convolution, in the order of execution; `tensor` names the batch norm
        after it, which is an Identity once folded.
    """
    modules = dict(model.named_modules())

    def last_of(layer: str) -> str:
        parent, _, index = layer.rpartition(".")
        norm = f"{parent}.{int(index) + 1}" if index.isdigit() else ""
        return norm if isinstance(modules.get(norm), nn.BatchNorm2d | nn.Identity) else layer

    return [LayerMatch(c.name, last_of(c.name), 0.0) for c in torch_convolutions(model)]


def torch_convolutions(model: RetinaFace) -> list[Convolution]:
    """List the folded convolutions of the network in float64, in the order of execution."""
    network = exact_model(model)
    modules: dict[str, Any] = dict(network.named_modules())
    order = [n for n in activations(network, np.zeros((1, 3, 64, 64))) if n in modules]
    return [
        Convolution(
            name, modules[name].weight.detach().numpy(), modules[name].bias.detach().numpy()
        )
        for name in order
    ]


def layer_reference(model: RetinaFace, images: FloatArray, floor: Floor) -> LayerReference:
    """Run torch in float64 and as a noise floor has it, with folded batch norms.

    Args:
        model: In evaluation mode.
        images: (N, 3, H, W) float32, BGR minus the mean; a few.
        floor: Which roundings count: see `floors`.
    """
    exact = activations(exact_model(model), images)
    if floor == "fp32":
        return LayerReference(exact, activations(fold_batch_norms(model).float(), images), "fp32")
    if floor == "fp16":
        return LayerReference(exact, activations(rounded_model(model), images), "fp16")
    with one_thread():
        return LayerReference(exact, activations(accumulating_model(model, floor), images), "fp16")


def activation_ranges(model: RetinaFace, images: FloatArray) -> dict[str, float]:
    """Measure the largest absolute input or output of each layer, in float32.

    Args:
        model: In evaluation mode. Batch norms are folded, so they are not layers.
        images: (N, 3, H, W) float32, BGR minus the mean.

    Returns:
        Largest absolute value of input and output by module name, in the order of execution.
    """
    network = fold_batch_norms(model).float()
    found: dict[str, float] = {}

    def measure(name: str, _module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        largest = [tensor.abs().max() for tensor in (*inputs, output)]
        found[name] = float(torch.stack(largest).max())  # NaN, if there is one

    for name, layer in leaves(network).items():
        layer.register_forward_hook(functools.partial(measure, name))
    with torch.inference_mode():
        network(torch.from_numpy(images))
    return found


def layer_values(model: RetinaFace, images: FloatArray) -> LayerValues:
    """Sample the outputs of every layer for the first images, in each precision.

    Args:
        model: In evaluation mode.
        images: (N, 3, H, W) float32, BGR minus the mean; only the first `N_LAYER_IMAGES` count.
    """
    images = images[:N_LAYER_IMAGES]
    single, half = (layer_reference(model, images, "fp32"), layer_reference(model, images, "fp16"))
    layers = tuple(match.layer for match in match_modules(model))
    exact, float32, float16 = (
        np.stack([sample(found[layer]) for layer in layers])
        for found in (single.exact, single.rounded, half.rounded)
    )
    return LayerValues(layers, exact, float32.astype(np.float32), float16.astype(np.float32))
