"""Make inputs by kind: scenes, noise, flat colours, extremes; the data set gives photographs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retinaface.network.config import MOBILENET_025
from retinaface.network.scenes import noise_inputs, synthetic_inputs
from retinaface.typing import FloatArray

REAL = "real"


KINDS = (REAL, "scene", "noise", "extremes", "constant")


# Images of each kind: enough for the largest batch where they show detections; fewer elsewhere,
# because float64 takes time, and a larger batch repeats them.
N_IMAGES = {REAL: 32, "scene": 16}


_N_OTHER = 8


_SIDE = 320


_SEED = 4_000


def kind_inputs(kind: str, real_images: Callable[[int], FloatArray]) -> FloatArray:
    """Make as many network inputs of a kind as a run uses.

    Args:
        kind: One of `KINDS`.
        real_images: Gives the first n network inputs of photographs, (n, 3, 320, 320).

    Returns:
        (n, 3, 320, 320) float32.
    """
    n = N_IMAGES.get(kind, _N_OTHER)
    if kind == REAL:
        return real_images(n)
    if kind == "scene":
        return synthetic_inputs(n, _SEED, _SIDE, _SIDE)
    if kind == "noise":
        return noise_inputs(n, _SEED, _SIDE, _SIDE)
    return _flat_inputs(n) if kind == "constant" else _extreme_inputs(n)


def network_inputs(pixels_bgr: FloatArray) -> FloatArray:
    """Subtract the mean from pixels in 0..255, (n, 3, H, W)."""
    mean = np.reshape(MOBILENET_025.mean_bgr, (1, 3, 1, 1))
    return np.asarray(pixels_bgr - mean, dtype=np.float32)


def _flat_inputs(n: int) -> FloatArray:
    """Make images of one colour, where only the padding inside the network makes a difference."""
    colours = np.linspace(0, 255, n).round()[:, None] * [1.0, 0.5, 0.25]
    return network_inputs(np.broadcast_to(colours[:, :, None, None], (n, 3, _SIDE, _SIDE)))


def _extreme_inputs(n: int) -> FloatArray:
    """Make chequerboards of darkest and lightest pixels with sides 1, 2, 4, ..., and negatives."""
    where = np.indices((_SIDE, _SIDE))
    images = []
    for i in range(n):
        checks = (where // 2 ** (i // 2)).sum(axis=0) % 2
        images.append(np.repeat((255.0 * (checks == i % 2))[None], 3, axis=0))
    return network_inputs(np.stack(images))


def reference_inputs(height_px: int, width_px: int, *, dynamic_size: bool) -> dict[str, FloatArray]:
    """Make inputs of every kind but photographs; one of another size where sizes are free.

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
