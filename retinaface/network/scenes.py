"""Generate images for machines without photographs; they contain no face."""

from __future__ import annotations

import cv2
import numpy as np

from retinaface.network.config import MOBILENET_025
from retinaface.typing import ByteArray, FloatArray


def scene(height_px: int, width_px: int, seed: int) -> ByteArray:
    """Draw a scene with the statistics of a photograph: shading, shapes, edges, texture, noise.

    Args:
        height_px: Height, >= 1.
        width_px: Width, >= 1.
        seed: Scenes with different seeds differ in everything.

    Returns:
        (H, W, 3) uint8, BGR; the same on every machine up to rounding inside OpenCV.
    """
    rng = np.random.default_rng(seed)
    size = (width_px, height_px)
    shading = cv2.resize(
        rng.uniform(20, 235, (4, 4, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC
    )
    image = np.clip(shading, 0, 255).astype(np.uint8)
    for _ in range(40):
        centre = (int(rng.integers(0, width_px)), int(rng.integers(0, height_px)))
        axes = tuple(int(a) for a in rng.integers(2, max(height_px, width_px) // 6 + 3, 2))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    texture = cv2.resize(
        rng.normal(0, 12, (height_px // 3 + 1, width_px // 3 + 1, 3)).astype(np.float32), size
    )
    noise = rng.normal(0, 4, (height_px, width_px, 3))
    return np.clip(image + texture + noise, 0, 255).astype(np.uint8)


def synthetic_inputs(n: int, seed: int, height_px: int = 320, width_px: int = 320) -> FloatArray:
    """Make network inputs from scenes.

    Args:
        seed: Seed of the first scene; the next ones count up.

    Returns:
        (n, 3, H, W) float32, BGR minus the mean.
    """
    mean = np.asarray(MOBILENET_025.mean_bgr, dtype=np.float32)
    images = [scene(height_px, width_px, seed + i) for i in range(n)]
    return np.stack([(image - mean).transpose(2, 0, 1) for image in images]).astype(np.float32)


def noise_inputs(n: int, seed: int, height_px: int = 320, width_px: int = 320) -> FloatArray:
    """Make network inputs of uniform noise over the whole range of pixel values.

    Returns:
        (n, 3, H, W) float32, BGR minus the mean.
    """
    pixels = np.random.default_rng(seed).uniform(0, 255, (n, 3, height_px, width_px))
    mean = np.reshape(MOBILENET_025.mean_bgr, (3, 1, 1))
    return np.asarray(pixels - mean, dtype=np.float32)
