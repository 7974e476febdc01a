"""The layers inside an engine, compared with torch in one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retinaface.checks.layers import drifts_inside
from retinaface.engines.base import Engine
from retinaface.reference.layers import LayerDrift
from retinaface.typing import Precision

if TYPE_CHECKING:
    from retinaface.network.model import RetinaFace


def layer_drifts(
    model: RetinaFace,
    engine: Engine,
    file: Path | None,
    images: np.ndarray,
    *,
    precision: Precision | None = None,
) -> list[LayerDrift]:
    """Compare each convolution with float64 torch; None for the precision of the engine."""
    from retinaface.reference.layers_from_torch import layer_reference

    reference = layer_reference(model, images, precision or engine.spec.precision)
    return drifts_inside(model, engine, file, images, reference)[0]
