"""The error of every layer inside an engine, beside what its precision explains; layers' ranges."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retinaface.convolutions import (
    activations,
    exact_model,
    match_convolutions,
    match_modules,
)
from retinaface.engines import Engine
from retinaface.layer_drift import (
    N_LAYER_IMAGES,
    LayerDrift,
    LayerReference,
    LayerValues,
    sample,
)
from retinaface.model import RetinaFace, fold_batch_norms
from retinaface.rounding import leaves, rounded_model
from retinaface.typing import FloatArray, Precision


def layer_reference(model: RetinaFace, images: FloatArray, precision: Precision) -> LayerReference:
    """Run torch in float64 and in a precision, batch norms folded.

    Args:
        model: In evaluation mode.
        images: (N, 3, H, W) float32, BGR minus the mean; a few.
        precision: In FP16 weights and what goes into and out of every layer are rounded: see
            `rounded_model`.
    """
    network = rounded_model(model) if precision == "fp16" else fold_batch_norms(model).float()
    exact = activations(exact_model(model), images)
    return LayerReference(exact, activations(network, images), precision)


def layer_drifts(
    model: RetinaFace,
    engine: Engine,
    file: Path | None,
    images: FloatArray,
    *,
    precision: Precision | None = None,
) -> list[LayerDrift]:
    """Compare the output of each convolution, its batch norm folded, with float64 torch.

    Args:
        model: In evaluation mode.
        engine: One that shows intermediates.
        file: What the engine runs; None for one that builds the network itself.
        images: (N, 3, H, W) float32, BGR minus the mean; a few.
        precision: Whose rounding makes the noise floor; None for the engine's.

    Returns:
        One entry for each convolution, in the order in which torch executes them.

    Raises:
        NotImplementedError: The engine shows no intermediates.
        ExportError: The file's convolutions are not those of the network.
        EngineUnavailable: The runtime cannot show them, or onnx is not installed.
        EngineFault: The engine failed, or gave other tensors than asked for.
    """
    reference = layer_reference(model, images, precision or engine.spec.precision)
    return drifts_inside(model, engine, file, images, reference)[0]


def drifts_inside(
    model: RetinaFace,
    engine: Engine,
    file: Path | None,
    images: FloatArray,
    reference: LayerReference,
) -> tuple[list[LayerDrift], list[LayerDrift]]:
    """Drifts of the layers, and of the outputs in the same run; raises as `layer_drifts`."""
    matches = match_modules(model) if file is None else match_convolutions(model, file)
    shown = engine.infer_intermediates(images, [match.tensor for match in matches])
    return [reference.drift(match, shown) for match in matches], reference.output_drifts(shown)


def activation_ranges(model: RetinaFace, images: FloatArray) -> dict[str, float]:
    """How large the numbers become that a layer takes and gives, in float32.

    Args:
        model: In evaluation mode. Batch norms are folded, so that they are no layers.
        images: (N, 3, H, W) float32, BGR minus the mean.

    Returns:
        Largest absolute value of input and output by name of the module, in the order of execution.
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
    """A sample of what every layer gives for the first images, in each precision.

    Args:
        model: In evaluation mode.
        images: (N, 3, H, W) float32, BGR minus the mean; the first `N_LAYER_IMAGES` count.
    """
    images = images[:N_LAYER_IMAGES]
    single, half = (layer_reference(model, images, precision) for precision in ("fp32", "fp16"))
    layers = tuple(match.layer for match in match_modules(model))
    exact, float32, float16 = (
        np.stack([sample(found[layer]) for layer in layers])
        for found in (single.exact, single.rounded, half.rounded)
    )
    return LayerValues(layers, exact, float32.astype(np.float32), float16.astype(np.float32))
