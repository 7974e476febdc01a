"""Reference inputs and outputs beside an export: written where torch is, read anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retinaface.config import OUTPUT_NAMES
from retinaface.errors import DatasetError
from retinaface.scenes import noise_inputs, synthetic_inputs
from retinaface.typing import FloatArray, IntArray, Precision

_SEED = 7


@dataclass(frozen=True)
class ReferenceCase:
    """Inputs of one kind and what torch makes of them.

    Attributes:
        name: Kind of the input.
        images: (N, 3, H, W) float32.
        exact: Outputs of float64 torch by name, float64, (N, P, 4), (N, P, 2), (N, P, 10).
        float32: Outputs of float32 torch by name, float32: its error is the noise floor of FP32.
        float16: Outputs of the network with everything rounded to FP16 (see `rounding`), float32:
            its error is what FP16 must cost.
    """

    name: str
    images: FloatArray
    exact: dict[str, FloatArray]
    float32: dict[str, FloatArray]
    float16: dict[str, FloatArray]

    def rounded(self, precision: Precision) -> dict[str, FloatArray]:
        """The outputs whose error is the noise floor of a precision."""
        return self.float32 if precision == "fp32" else self.float16

    def take(self, rows: IntArray) -> ReferenceCase:
        """The same of some of the images, in the order given."""
        parts = [{k: v[rows] for k, v in d.items()} for d in self._outputs()]
        return ReferenceCase(self.name, self.images[rows], *parts)

    def _outputs(self) -> tuple[dict[str, FloatArray], ...]:
        return self.exact, self.float32, self.float16


def join_cases(name: str, cases: Sequence[ReferenceCase]) -> ReferenceCase:
    """One case of the images of several, which must be of one size."""
    images = np.concatenate([case.images for case in cases])
    parts = [
        {output: np.concatenate([part[output] for part in same]) for output in OUTPUT_NAMES}
        for same in zip(*(case._outputs() for case in cases), strict=True)
    ]
    return ReferenceCase(name, images, *parts)


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
            arrays[f"{case.name}/float16/{name}"] = case.float16[name].astype(np.float16)
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
                    {
                        output: arrays[f"{name}/float16/{output}"].astype(np.float32)
                        for output in OUTPUT_NAMES
                    },
                )
                for name in names
            ]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DatasetError(
            f"cannot read reference {path}: {error}; make it again with: retinaface export"
        ) from error
