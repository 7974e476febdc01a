"""Reference inputs and outputs that travel with an export, and the judgement of an engine by them.

Written where torch is; read where it need not be. The error of an engine is held against the noise
floor of the same input: how far float32 torch lies from float64 torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retinaface.config import OUTPUT_NAMES
from retinaface.errors import DatasetError
from retinaface.scenes import noise_inputs, synthetic_inputs
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from retinaface.engines.base import RawOutputs

_SEED = 7


@dataclass(frozen=True)
class ReferenceCase:
    """One input and what torch makes of it.

    Attributes:
        name: Kind of the input.
        images: (1, 3, H, W) float32.
        exact: Outputs of float64 torch by name, float64, (1, P, 4), (1, P, 2), (1, P, 10).
        float32: Outputs of float32 torch by name, float32.
    """

    name: str
    images: FloatArray
    exact: dict[str, FloatArray]
    float32: dict[str, FloatArray]

    def noise_floor(self, output: str) -> float:
        """Largest absolute error of float32 torch against float64 torch."""
        return float(np.abs(self.float32[output] - self.exact[output]).max())


def reference_inputs(height_px: int, width_px: int, *, dynamic_size: bool) -> dict[str, FloatArray]:
    """Make the inputs: scenes, noise, a constant, the extremes; another size where sizes are free.

    Returns:
        Arrays (1, 3, H, W) float32 by name.
    """
    flat = np.zeros((1, 3, height_px, width_px), dtype=np.float32)
    checks = np.indices((height_px, width_px)).sum(axis=0) // 16 % 2
    inputs = {
        "scene": synthetic_inputs(1, _SEED, height_px, width_px),
        "noise": noise_inputs(1, _SEED, height_px, width_px),
        "constant": flat,
        "extremes": np.where(checks, np.float32(151), np.float32(-123)) + flat,
    }
    if dynamic_size:
        inputs["scene-213x320"] = synthetic_inputs(1, _SEED, 213, 320)
    return inputs


def save_reference(path: Path, cases: list[ReferenceCase]) -> None:
    """Write cases as one compressed `.npz`, keys `<case>/<array>`."""
    arrays: dict[str, FloatArray] = {}
    for case in cases:
        arrays[f"{case.name}/images"] = case.images
        for name in OUTPUT_NAMES:
            arrays[f"{case.name}/exact/{name}"] = case.exact[name]
            arrays[f"{case.name}/float32/{name}"] = case.float32[name]
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load_reference(path: Path) -> list[ReferenceCase]:
    """Read what `save_reference` wrote.

    Raises:
        DatasetError: The file is missing, damaged, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = dict.fromkeys(key.split("/")[0] for key in arrays.files)
            return [
                ReferenceCase(
                    name,
                    arrays[f"{name}/images"],
                    {output: arrays[f"{name}/exact/{output}"] for output in OUTPUT_NAMES},
                    {output: arrays[f"{name}/float32/{output}"] for output in OUTPUT_NAMES},
                )
                for name in names
            ]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DatasetError(
            f"cannot read reference {path}: {error}; make it again with: retinaface export"
        ) from error


@dataclass(frozen=True)
class FidelityError:
    """Error of one output of an engine on one case, beside the noise floor.

    Attributes:
        case: Name of the input.
        output: `loc`, `conf` or `landmarks`.
        max_abs: Largest absolute error against float64 torch.
        noise_floor: The same of float32 torch.
    """

    case: str
    output: str
    max_abs: float
    noise_floor: float


def judge(outputs: RawOutputs, case: ReferenceCase) -> list[FidelityError]:
    """Measure an engine's outputs on one case.

    Args:
        outputs: Of the engine on `case.images`.
        case: The reference.

    Returns:
        One entry for each output; a NaN in the outputs makes `max_abs` NaN.
    """
    actual = dict(zip(OUTPUT_NAMES, outputs, strict=True))
    return [
        FidelityError(
            case.name,
            name,
            float(np.abs(actual[name] - case.exact[name]).max()),
            case.noise_floor(name),
        )
        for name in OUTPUT_NAMES
    ]
