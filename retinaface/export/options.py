"""The options of an export. Imports neither torch nor onnx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retinaface.errors import ExportError
from retinaface.export.int8.options import LOWEST_OPSET, Int8Options
from retinaface.typing import FloatPrecision, Precision

Exporter = Literal["torchscript", "dynamo"]
DEFAULT_OPSET: dict[Exporter, int] = {"torchscript": 13, "dynamo": 18}
OPSETS: dict[Exporter, range] = {"torchscript": range(11, 21), "dynamo": range(16, 21)}
Axis = int | str  # fixed, or free under a name


@dataclass(frozen=True)
class ExportOptions:
    """What to ask of an export.

    Attributes:
        exporter: `torchscript` or `dynamo`.
        opset: None for the exporter's default.
        precision: Of weights and operators.
        io: Of input and outputs; `fp16` only with precision `fp16`.
        batch_size: None for a free batch axis.
        dynamic_size: Free height and width.
        simplify: Run onnxsim.
        height_px: Height of the input where it is fixed.
        width_px: Width, as for the height.
        int8: How to quantise; None for any other precision.
    """

    exporter: Exporter = "torchscript"
    opset: int | None = None
    precision: Precision = "fp32"
    io: FloatPrecision = "fp32"
    batch_size: int | None = None
    dynamic_size: bool = False
    simplify: bool = True
    height_px: int = 320
    width_px: int = 320
    int8: Int8Options | None = None

    def __post_init__(self) -> None:
        """Refuse what no exporter can give.

        Raises:
            ExportError: A combination that cannot be met.
        """
        allowed, opset = OPSETS[self.exporter], self.resolved_opset
        if opset not in allowed:
            other = "; use --exporter torchscript" if opset in OPSETS["torchscript"] else ""
            raise ExportError(
                f"the {self.exporter} exporter cannot write opset {opset}: it reaches "
                f"{allowed.start} to {allowed.stop - 1}{other}"
            )
        if self.io == "fp16" and self.precision != "fp16":
            raise ExportError("FP16 input and outputs need --precision fp16; add it")
        if (self.int8 is not None) != (self.precision == "int8"):
            raise ExportError(
                f"options of INT8 go with precision int8, got {self.precision} and {self.int8}"
            )
        if self.precision == "int8" and opset < LOWEST_OPSET:
            raise ExportError(
                f"INT8 with a scale for each channel needs opset {LOWEST_OPSET} or higher, got "
                f"{opset}; ask for --opset {LOWEST_OPSET}"
            )
        if self.precision == "int8" and not self.simplify:
            raise ExportError(
                "INT8 is made of a graph whose batch norms are folded; leave --no-simplify out"
            )
        if self.batch_size is not None and self.batch_size < 1:
            raise ExportError(f"batch size must be at least 1, got {self.batch_size}")

    @property
    def resolved_opset(self) -> int:
        """Give the opset that the file must hold."""
        return DEFAULT_OPSET[self.exporter] if self.opset is None else self.opset

    @property
    def n_float_layers(self) -> int:
        """Count the layers of an INT8 file that stay in float."""
        return len(self.int8.float_layers) if self.int8 else 0
