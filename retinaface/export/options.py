"""The options of an export, and the manifest beside it. Imports neither torch nor onnx."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retinaface.errors import ExportError
from retinaface.files import file_sha256
from retinaface.network.config import INPUT_NAME, OUTPUT_WIDTHS
from retinaface.network.priors import prior_boxes
from retinaface.typing import Precision

Exporter = Literal["torchscript", "dynamo"]
DEFAULT_OPSET: dict[Exporter, int] = {"torchscript": 13, "dynamo": 18}
OPSETS: dict[Exporter, range] = {"torchscript": range(11, 21), "dynamo": range(16, 21)}
Axis = int | str  # fixed, or free under a name
_DYNAMO_IR = 10  # whatever the opset; onnxruntime loads it from 1.18 on


@dataclass(frozen=True)
class Interface:
    """What a consumer relies on.

    Attributes:
        opset: Version of the default operator set.
        ir_version: Version of the file format.
        io: Element type of input and outputs.
        axes: Axes of the input and of each output; a number is fixed, a name is free.
    """

    opset: int
    ir_version: int
    io: Precision
    axes: dict[str, tuple[Axis, ...]]


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
    """

    exporter: Exporter = "torchscript"
    opset: int | None = None
    precision: Precision = "fp32"
    io: Precision = "fp32"
    batch_size: int | None = None
    dynamic_size: bool = False
    simplify: bool = True
    height_px: int = 320
    width_px: int = 320

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
        if self.batch_size is not None and self.batch_size < 1:
            raise ExportError(f"batch size must be at least 1, got {self.batch_size}")

    @property
    def resolved_opset(self) -> int:
        """Give the opset that the file must hold."""
        return DEFAULT_OPSET[self.exporter] if self.opset is None else self.opset

    def interface(self) -> Interface:
        """Work out what the file must hold; needs onnx, which knows the versions of the format."""
        import onnx

        opset = self.resolved_opset
        minimal_ir = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
        batch: Axis = "batch" if self.batch_size is None else self.batch_size
        size: tuple[Axis, Axis] = (self.height_px, self.width_px)
        n_priors: Axis = len(prior_boxes(self.height_px, self.width_px))
        if self.dynamic_size:
            size, n_priors = ("height", "width"), "priors"
        axes: dict[str, tuple[Axis, ...]] = {
            name: (batch, n_priors, n_values) for name, n_values in OUTPUT_WIDTHS.items()
        }
        axes[INPUT_NAME] = (batch, 3, *size)
        ir_version = _DYNAMO_IR if self.exporter == "dynamo" else minimal_ir
        return Interface(opset, ir_version, self.io, axes)


def sidecars(model: Path) -> tuple[Path, Path]:
    """Name the reference and the manifest beside an exported file."""
    return model.with_suffix(".reference.npz"), model.with_suffix(".json")


def read_manifest(model: Path) -> dict[str, Any] | None:
    """Read the manifest beside a file; None where there is none or it is of another file."""
    path = sidecars(model)[1]
    if not path.is_file():
        return None
    with contextlib.suppress(ValueError, OSError):
        manifest = json.loads(path.read_text())
        if manifest.get("sha256") == file_sha256(model):
            return dict(manifest)
    return None
