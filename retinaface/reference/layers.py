"""Measure how far the layers inside an engine are from float64 torch; needs NumPy but no torch.

Whole layers are large, so a file holds a fixed sample of their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.errors import EngineFault
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray, FloatPrecision

# Number of images that a file holds layers of, and values for each layer and image: 0.7 MB in all.
N_LAYER_IMAGES = 2
N_VALUES = 1024
# Knuth's multiplicative hash spreads the sample over channels and places; NumPy's random numbers
# may change with its version.
_SPREAD = 2_654_435_761


@dataclass(frozen=True)
class LayerMatch:
    """A convolution of the network and the tensor that holds its output.

    Attributes:
        layer: Name of the torch module.
        tensor: Name of the tensor that equals the convolution's output, with its batch norm folded.
        weight_error: Relative distance (Frobenius norm) of the kernels or of the biases, the larger
            of the two.
    """

    layer: str
    tensor: str
    weight_error: float


# Half a unit in the last place, relative to the number.
_ROUNDOFF: Mapping[FloatPrecision, float] = {"fp32": 2.0**-24, "fp16": 2.0**-11}
_LEAST_FLOOR = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class LayerDrift:
    """Error of a layer's output beside the error that its precision explains.

    Attributes:
        layer: Name of the torch module.
        tensor: Name of the tensor that the engine showed.
        weight_error: See `LayerMatch`.
        max_abs: Largest absolute error, compared with float64 torch; NaN where the engine
            gives NaN.
        noise_floor: Largest absolute error of torch in the given precision, and at least half a
            unit in the last place of the largest value; infinite where the precision overflows.
    """

    layer: str
    tensor: str
    weight_error: float
    max_abs: float
    noise_floor: float

    def exceeds(self, factor: float) -> bool:
        """Tell whether the error, or a NaN, is more than `factor` times the noise floor."""
        return np.isfinite(self.noise_floor) and not self.max_abs <= factor * self.noise_floor

    @property
    def ratio(self) -> float:
        """Divide the error by its noise floor."""
        return self.max_abs / self.noise_floor

    def as_json(self) -> dict[str, Any]:
        """Convert to JSON types, for a record."""
        return {
            "layer": self.layer,
            "tensor": self.tensor,
            "max_abs": self.max_abs,
            "noise_floor": self.noise_floor,
        }

    def __str__(self) -> str:
        ratio = self.ratio
        times = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
        return f"max error {self.max_abs:.2g}, {times} x the noise floor of {self.noise_floor:.2g}"


@dataclass(frozen=True)
class LayerReference:
    """Torch's values for some images, by name of the layer or output.

    Attributes:
        exact: Values in float64.
        rounded: Values in `precision`; their error is the noise floor.
    """

    exact: dict[str, FloatArray]
    rounded: dict[str, FloatArray]
    precision: FloatPrecision

    def drift(self, match: LayerMatch, shown: Mapping[str, FloatArray]) -> LayerDrift:
        """Measure the drift of one tensor that an engine showed.

        Raises:
            EngineFault: The tensor is missing or has another shape.
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
        """Measure the drift of the network's three outputs, as if they were layers."""
        if isinstance(shown, RawOutputs):
            shown = dict(zip(OUTPUT_NAMES, shown, strict=True))
        return [self.drift(LayerMatch(name, name, 0.0), shown) for name in OUTPUT_NAMES]


@dataclass(frozen=True)
class LayerValues:
    """A sample of every layer's output for a few images.

    Attributes:
        layers: Names of the modules, in the order of execution.
        exact: (L, N, V) float64, from float64 torch.
        float32: (L, N, V) float32, from float32 torch; its error is the noise floor of FP32.
        float16: (L, N, V) float32, from the network with everything rounded to FP16.
    """

    layers: tuple[str, ...]
    exact: FloatArray
    float32: FloatArray
    float16: FloatArray

    def reference(self, precision: FloatPrecision) -> LayerReference:
        """Make the reference that an engine's sample is compared with."""
        rounded = self.float32 if precision == "fp32" else self.float16
        return LayerReference(
            dict(zip(self.layers, self.exact, strict=True)),
            dict(zip(self.layers, rounded, strict=True)),
            precision,
        )


def sample(layer: FloatArray) -> FloatArray:
    """Take a fixed choice of a layer's values.

    Args:
        layer: (N, ...).

    Returns:
        (N, V), from the same places in every layer of that size.
    """
    flat = layer.reshape(len(layer), -1)
    return flat[:, np.arange(N_VALUES, dtype=np.int64) * _SPREAD % flat.shape[1]]
