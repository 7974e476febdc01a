"""How to quantise to INT8; imports neither onnx nor a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retinaface.errors import ExportError

CalibrationMethod = Literal["minmax", "entropy", "percentile"]
Quantisation = Literal["qdq", "qoperator"]
# Below it a scale for each channel does not exist.
LOWEST_OPSET = 13


@dataclass(frozen=True)
class Int8Options:
    """What to ask of ONNX Runtime's static quantisation; convolutions alone, a scale per channel.

    Attributes:
        method: How ranges of activations follow from the calibration images.
        quantisation: `qdq` writes pairs of QuantizeLinear and DequantizeLinear around each
            convolution, `qoperator` writes QLinearConv.
        float_layers: Layers of the network that stay FP32, as the manifest names them.
    """

    method: CalibrationMethod = "minmax"
    quantisation: Quantisation = "qdq"
    float_layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a layer that is named twice.

        Raises:
            ExportError: It is.
        """
        twice = sorted({n for n in self.float_layers if self.float_layers.count(n) > 1})
        if twice:
            raise ExportError(f"float layer {twice[0]} is named twice; name it once")
