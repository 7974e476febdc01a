"""Few numbers that tell the raw outputs of one image from those of another, kept of every image.

A sketch holds for each output the sums of its values under fixed random signs. Rounding of n values
by e in the root mean square moves such a sum by about e * sqrt(n), and another picture moves it
thousands of times as far: on the pictures that ship the nearest two are 0.78 apart in the root mean
square of `loc`, where FP32 rounds by 2e-6 and FP16 by 0.006.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.reference.floors import FACTORS
from retinaface.reference.stored import ReferenceCase
from retinaface.typing import FloatArray, FloatPrecision

_N_SUMS = 4
_N_SIGNS = 2**18  # 262144, more than the values of an output at 640x640; reused beyond that
_SEED = 11_002
# A sum of rounding errors under random signs lies within so many of its standard deviations.
_SIGMAS = 6.0


@dataclass(frozen=True)
class Sketch:
    """What is kept of the raw outputs of one image.

    Attributes:
        n_priors: Of the image; sketches of different numbers are of different sizes of input.
        sums: (3, 4) by output: sums of its values under four sets of signs, over sqrt(values).
        is_flat: Whether `loc` is one number throughout, as in outputs that nobody wrote.
    """

    n_priors: int
    sums: FloatArray
    is_flat: bool


def sketch_rows(outputs: RawOutputs) -> Iterator[Sketch]:
    """Sketch each image of a call."""
    for row in zip(*outputs, strict=True):
        sums = [_signs(values.size) @ values.ravel() / np.sqrt(values.size) for values in row]
        loc = row[0]
        yield Sketch(len(loc), np.stack(sums), bool(loc.min() == loc.max()))


def _signs(n: int) -> FloatArray:
    """Give (4, n) signs, the same on every machine."""
    signs = _all_signs()
    return signs[:, :n] if n <= _N_SIGNS else np.resize(signs, (_N_SUMS, n))


@functools.cache
def _all_signs() -> FloatArray:
    bits = np.random.default_rng(_SEED).integers(0, 2, (_N_SUMS, _N_SIGNS), dtype=np.int8)
    return (2 * bits - 1).astype(np.float32)


def sketch_limits(case: ReferenceCase, precision: FloatPrecision) -> FloatArray:
    """How far rounding alone may move a sketch, by output.

    Args:
        case: Whose noise floor counts; of pictures like those of the run.
        precision: Of the engine.

    Returns:
        (3,), > 0.
    """
    floors = []
    for name in OUTPUT_NAMES:
        error = np.asarray(case.rounded(precision)[name] - case.exact[name], np.float64)
        floors.append(max(float(np.sqrt(np.square(error).mean())), np.finfo(np.float32).eps))
    return _SIGMAS * FACTORS[case.floor(precision)].rms * np.asarray(floors)


def distance(one: Sketch, other: Sketch, limits: FloatArray) -> float:
    """How far two sketches are from each other, in limits: at most 1 is the same outputs."""
    if one.n_priors != other.n_priors:
        return float("inf")
    return float(np.abs((one.sums - other.sums) / limits[:, None]).max())


def nearest_same(sketches: Mapping[str, Sketch], limits: FloatArray) -> list[tuple[str, str]]:
    """Find images that have the outputs of another.

    Args:
        sketches: By image, in the order of the run.
        limits: As `sketch_limits` gives them.

    Returns:
        Pairs of images, the earlier first: each with the one that is nearest to it.
    """
    by_size: dict[int, list[str]] = {}
    for image, sketch in sketches.items():
        by_size.setdefault(sketch.n_priors, []).append(image)
    order = {image: i for i, image in enumerate(sketches)}
    pairs = set()
    for images in by_size.values():
        if len(images) > 1:
            points = np.stack([(sketches[i].sums / limits[:, None]).ravel() for i in images])
            points = np.where(np.isfinite(points), points, np.finfo(np.float32).max)
            far, near = cKDTree(points).query(points, k=2, p=np.inf, distance_upper_bound=1.0)
            others_of = np.where(np.isfinite(far), near, -1)  # (images, 2), itself among them
            for i, neighbours in enumerate(others_of):
                others = neighbours[(neighbours >= 0) & (neighbours != i)]
                pairs |= {frozenset((images[i], images[j])) for j in others[:1]}
    ordered = [tuple(sorted(pair, key=order.__getitem__)) for pair in pairs]
    return sorted(((a, b) for a, b in ordered), key=lambda pair: order[pair[1]])


def whose(sketch: Sketch, others: Mapping[str, Sketch], limits: FloatArray) -> str | None:
    """Name the image whose outputs these are; None where they are nobody's."""
    found = (image for image, other in others.items() if distance(sketch, other, limits) <= 1)
    return next(found, None)


def flat_images(sketches: Mapping[str, Sketch]) -> Sequence[str]:
    """List images whose outputs are one number throughout."""
    return [image for image, sketch in sketches.items() if sketch.is_flat]
