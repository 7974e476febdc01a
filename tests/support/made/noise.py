"""Noise in the range of a network's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def noise(n: int, side_px: int, seed: int = 0) -> torch.Tensor:
    """Make (n, 3, side, side) float32 of noise."""
    import torch

    drawn = torch.rand(n, 3, side_px, side_px, generator=torch.Generator().manual_seed(seed))
    return 255 * drawn - 117
