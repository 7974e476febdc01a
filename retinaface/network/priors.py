"""Prior boxes: the fixed grid of squares that the network's offsets refer to."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np

from retinaface.network.config import MOBILENET_025, RetinaFaceConfig
from retinaface.typing import FloatArray


@lru_cache(maxsize=64)
def prior_boxes(
    height_px: int, width_px: int, config: RetinaFaceConfig = MOBILENET_025
) -> FloatArray:
    """Make the prior boxes for one network input size.

    Their order is level, row, column, size, as in the network's outputs. Centres lie at
    (column + 0.5) * stride; computed in float64 and rounded once, as upstream does.

    Args:
        height_px: Height of the network input, >= 1.
        width_px: Width of the network input, >= 1.
        config: Strides and prior sizes.

    Returns:
        (P, 4) float32, read-only: centre x, centre y, width, height as fractions of the input size.
        P = 4200 at 320 x 320.

    Raises:
        ValueError: A side is smaller than one pixel.
    """
    if height_px < 1 or width_px < 1:
        raise ValueError(f"prior_boxes: input must be at least 1x1 px, got {width_px}x{height_px}")
    levels = []
    for stride, sizes in zip(config.strides_px, config.prior_sizes_px, strict=True):
        rows, columns = ceil(height_px / stride), ceil(width_px / stride)
        level = np.empty((rows, columns, len(sizes), 4))
        level[..., 0] = ((np.arange(columns) + 0.5) * stride / width_px)[None, :, None]
        level[..., 1] = ((np.arange(rows) + 0.5) * stride / height_px)[:, None, None]
        level[..., 2] = np.asarray(sizes) / width_px
        level[..., 3] = np.asarray(sizes) / height_px
        levels.append(level.reshape(-1, 4))
    priors = np.concatenate(levels).astype(np.float32)
    priors.setflags(write=False)
    return priors
