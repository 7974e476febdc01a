"""Compute the network's last steps, for runtimes that stop at its nine last convolutions."""

from __future__ import annotations

import numpy as np

from retinaface.network.config import MOBILENET_025
from retinaface.typing import FloatArray


def flat_heads(heads: list[FloatArray]) -> FloatArray:
    """Join the levels of one output in the order of the priors: level, row, column, size.

    Args:
        heads: (N, 2 * V, H, W) for each level, finest first; 2 priors a cell with V values each.

    Returns:
        (N, P, V).
    """
    n, per_cell = len(heads[0]), MOBILENET_025.priors_per_cell
    rows = [
        head.transpose(0, 2, 3, 1).reshape(n, -1, head.shape[1] // per_cell)  # (N, H * W * 2, V)
        for head in heads
    ]
    return np.concatenate(rows, axis=1)


def softmax(logits: FloatArray) -> FloatArray:
    """Turn logits into probabilities over the last axis; large logits do not overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
