"""The noise floors that an error is compared with, and how many times each it may reach.

A floor is the error that rounding alone causes on the same input: `fp32` that of float32 torch,
`fp16` that of the network with every input, weight and output of a layer rounded to FP16 and sums
kept wide (`rounding`), the others that with every product and partial sum rounded too
(`accumulation`), in the order in which a runtime adds. The catalogue of engines says which of
those of FP16 an engine is held to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Floor: TypeAlias = Literal["fp32", "fp16", "fp16-blocks", "fp16-products"]
# Those with rounded sums: of blocks of products, or product by product.
SumFloor: TypeAlias = Literal["fp16-blocks", "fp16-products"]
SUM_FLOORS: tuple[SumFloor, ...] = get_args(SumFloor)


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
    # Tighter than that of `fp16`: they know most of what such a device rounds.
    **dict.fromkeys(SUM_FLOORS, Factors(3.0, 1.8)),
}
# As messages name them.
FLOOR_WORDS: Mapping[Floor, str] = {
    "fp32": "fp32 noise floor",
    "fp16": "fp16 noise floor",
    "fp16-blocks": "fp16 noise floor with rounded sums of blocks",
    "fp16-products": "fp16 noise floor with rounded sums of products",
}
