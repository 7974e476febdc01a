"""The error of every layer inside an engine, beside what its precision explains; layers' ranges."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retinaface.config import OUTPUT_NAMES
from retinaface.convolutions import (
    LayerMatch,
    activations,
    exact_model,
    match_convolutions,
    match_modules,
)
from retinaface.engines import Engine, RawOutputs
from retinaface.errors import EngineFault
from retinaface.model import RetinaFace, fold_batch_norms
from retinaface.rounding import leaves, rounded_model
from retinaface.typing import FloatArray, Precision

# Half a unit in the last place, relative to the number.
_ROUNDOFF: Mapping[Precision, float] = {"fp32": 2.0**-24, "fp16": 2.0**-11}
_LEAST_FLOOR = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class LayerDrift:
    """Error of a layer's output beside what its precision explains.

    Attributes:
        layer: Name of the torch module.
        tensor: Name of the tensor that the engine showed.
        weight_error: See `LayerMatch`.
        max_abs: Largest absolute error against float64 torch; NaN where the engine gives NaN.
        noise_floor: Largest absolute error of torch in the precision asked for, and at least half
            a unit in the last place of the largest value; infinite where the precision overflows.
    """

    layer: str
    tensor: str
    weight_error: float
    max_abs: float
    noise_floor: float

    def exceeds(self, factor: float) -> bool:
        """Whether the error, or a NaN, is more than `factor` times the noise floor explains."""
        return np.isfinite(self.noise_floor) and not self.max_abs <= factor * self.noise_floor

    def __str__(self) -> str:
        ratio = self.max_abs / self.noise_floor
        times = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
        return f"max error {self.max_abs:.2g}, {times} x the noise floor of {self.noise_floor:.2g}"


@dataclass(frozen=True)
class LayerReference:
    """What torch gives for some images, by name of the layer or output.

    Attributes:
        exact: In float64.
        rounded: In the precision whose rounding makes the noise floor.
        precision: That precision.
    """

    exact: dict[str, FloatArray]
    rounded: dict[str, FloatArray]
    precision: Precision

    def drift(self, match: LayerMatch, shown: Mapping[str, FloatArray]) -> LayerDrift:
        """Measure one of the tensors that an engine showed.

        Raises:
            EngineFault: It is missing or has another shape.
        """
        exact, actual = self.exact[match.layer], shown.get(match.tensor)
        if actual is None or actual.shape != exact.shape:
            got = "nothing" if actual is None else actual.shape
            raise EngineFault(
                f"tensor {match.tensor} of {match.layer} should be {exact.shape}, got {got}"
            )
        floor = float(np.abs(self.rounded[match.layer] - exact).max())
        half_unit = _ROUNDOFF[self.precision] * float(np.abs(exact).max())
        floor = max(floor, half_unit, _LEAST_FLOOR) if np.isfinite(floor) else np.inf
        error = float(np.abs(actual - exact).max())
        return LayerDrift(match.layer, match.tensor, match.weight_error, error, floor)

    def output_drifts(self, shown: RawOutputs | Mapping[str, FloatArray]) -> list[LayerDrift]:
        """Measure the three outputs of the network, as if they were layers."""
        if isinstance(shown, RawOutputs):
            shown = dict(zip(OUTPUT_NAMES, shown, strict=True))
        return [self.drift(LayerMatch(name, name, 0.0), shown) for name in OUTPUT_NAMES]


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
