"""Work out the input shapes to build a TensorRT engine for: smallest, usual, largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from retinaface.engines.base import EngineSpec

# Sides of images with free size, in the pipelines `upstream-320` and `upstream-640`: no side is
# longer than 640, and one may be short.
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 16, 640
# The shape of most photographs at a long side of 640; that pipeline runs them one by one.
USUAL_SIDES_PX = (480, 640)


class Profile(NamedTuple):
    """Shapes of the input, (N, 3, H, W).

    Attributes:
        usual: The shape that the builder tunes for.
    """

    smallest: tuple[int, ...]
    usual: tuple[int, ...]
    largest: tuple[int, ...]


def profile_of(spec: EngineSpec, axes: Sequence[int | str | None]) -> Profile:
    """Work out the shapes that a run needs.

    Args:
        spec: Batches of its `max_batch` are the usual ones, unless the size of images is free.
        axes: Axes of the file's input: a number from 1 for a fixed one, anything else if free.
    """
    sizes = (spec.height_px, spec.width_px)
    is_free = None in sizes
    usual = USUAL_SIDES_PX if is_free else sizes
    wanted = Profile(
        (1, 3, *(px or SMALLEST_SIDE_PX for px in sizes)),
        (1 if is_free else spec.max_batch, 3, *(px or 0 for px in usual)),
        (spec.max_batch, 3, *(px or LARGEST_SIDE_PX for px in sizes)),
    )
    return Profile(
        *(
            tuple(
                axis if isinstance(axis, int) and axis > 0 else want
                for axis, want in zip(axes, shape, strict=True)
            )
            for shape in wanted
        )
    )


def written(shape: Sequence[int]) -> str:
    """Write a shape as TensorRT's tools do: `32x3x320x320`."""
    return "x".join(map(str, shape))
