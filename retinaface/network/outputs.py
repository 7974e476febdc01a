"""The network's outputs, whichever runtime computes them."""

from __future__ import annotations

from typing import NamedTuple

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
