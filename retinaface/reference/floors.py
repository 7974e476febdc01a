"""The noise floors that an error is compared with, and how many times each it may reach.

A floor is the error that rounding alone causes on the same input: `fp32` that of float32 torch,
`fp16` that of the network with every input, weight and output of a layer rounded to FP16 and sums
kept wide (`rounding`), `fp16-sums` that with every product and partial sum rounded too
(`accumulation`). The catalogue of engines says which of the last two an engine is held to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Floor: TypeAlias = Literal["fp32", "fp16", "fp16-sums"]


@dataclass(frozen=True)
class Factors:
    """The multiples of the noise floor that an error may reach.

    Attributes:
        largest: Of the largest error, which one unlucky value decides.
        rms: Of the root of the mean square, over all values of an output: far steadier.
    """

    largest: float
    rms: float


# ONNX Runtime 1.31 and torch 2.13 on photographs, scenes, noise, constants and extremes, one image
# or eight, published and synthetic weights: FP32 at most 2.9 (largest) and 2.1 (rms) times the
# floor, FP16 at most 1.6 and 1.45. The rest is room for runtimes that sum in yet another order.
FACTORS: Mapping[Floor, Factors] = {
    "fp32": Factors(8.0, 5.0),
    "fp16": Factors(4.0, 2.5),
    # Tighter than those of `fp16`: this floor knows most of what such a device rounds.
    "fp16-sums": Factors(3.0, 1.8),
}
# As messages name them.
FLOOR_WORDS: Mapping[Floor, str] = {
    "fp32": "fp32 noise floor",
    "fp16": "fp16 noise floor",
    "fp16-sums": "fp16 noise floor with rounded sums",
}
