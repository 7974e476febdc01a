"""Measure the error of every layer inside an engine, beside what its precision explains.

Importing it needs no torch: without torch, a sample of layers is compared with a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retinaface.engines.base import Engine
from retinaface.reference.layers import (
    LayerDrift,
    LayerMatch,
    LayerReference,
    LayerValues,
    sample,
)
from retinaface.typing import FloatArray, float_of

if TYPE_CHECKING:
    from retinaface.network.model import RetinaFace


def drifts_inside(
    model: RetinaFace,
    engine: Engine,
    file: Path | None,
    images: FloatArray,
    reference: LayerReference,
) -> tuple[list[LayerDrift], list[LayerDrift]]:
    """Compare each convolution, its batch norm folded, and the outputs of the same run.

    Args:
        model: In evaluation mode.
        engine: One that shows intermediates.
        file: What the engine runs; None for one that builds the network itself.
        images: (N, 3, H, W) float32, BGR minus the mean; a few.
        reference: What float64 torch gives for them, and the noise floor.

    Returns:
        Drifts of the layers, in the order in which torch executes them, and of the outputs.

    Raises:
        NotImplementedError: The engine shows no intermediates.
        ExportError: The file's convolutions are not those of the network.
        EngineUnavailable: The runtime cannot show them, or onnx is not installed.
        EngineFault: The engine failed, or gave other tensors than asked for.
    """
    from retinaface.export.layer_match import match_convolutions
    from retinaface.reference.layers_from_torch import match_modules

    matches = match_modules(model) if file is None else match_convolutions(model, file)
    shown = engine.infer_intermediates(images, [match.tensor for match in matches])
    return [reference.drift(match, shown) for match in matches], reference.output_drifts(shown)


def sampled_drifts(
    engine: Engine,
    matches: Sequence[LayerMatch],
    images: FloatArray,
    values: LayerValues,
) -> list[LayerDrift]:
    """Compare a sample of each layer inside an engine with what torch gave.

    Args:
        engine: One that shows intermediates.
        matches: Which of its tensors is which layer.
        images: (M, 3, H, W) float32, those that `values` begins with.
        values: The sample.

    Returns:
        One entry for each layer that is matched, in the order of execution.

    Raises:
        EngineFault: The engine failed, or gave other tensors than asked for.
        EngineUnavailable: What showing layers needs is not installed.
    """
    images = images[: values.exact.shape[1]]
    shown = engine.infer_intermediates(images, [match.tensor for match in matches])
    samples = {
        match.tensor: sample(shown[match.tensor]) for match in matches if match.tensor in shown
    }
    reference = values.reference(float_of(engine.spec.precision))
    return [reference.drift(match, samples) for match in matches]
