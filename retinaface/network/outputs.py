"""The network's outputs, whichever runtime computes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retinaface.typing import FloatArray


class RawOutputs(NamedTuple):
    """Outputs of the network before decoding; float32, owned by the caller.

    Attributes:
        loc: (N, P, 4) box offsets.
        scores: (N, P, 2) probability of background and of face, after softmax.
        landmarks: (N, P, 10) offsets of five points.
    """

    loc: FloatArray
    scores: FloatArray
    landmarks: FloatArray


def softmax(logits: FloatArray) -> FloatArray:
    """Make probabilities of logits over the last axis, in the type of the logits."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
