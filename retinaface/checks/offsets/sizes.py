"""Pairs grouped by the size of their face, so that each group has enough of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from retinaface.checks.ap_changes import FACE_SIZES_PX
from retinaface.typing import BoolArray, FloatArray, IntArray

# In FP16 up to one in ten pairs of large faces is of another prior; over 100 pairs the mean of what
# they are off by is steady. Errors robust to clusters are too small with fewer than about 20 of
# them (Cameron & Miller 2015, section VI).
MIN_PAIRS, MIN_IMAGES = 100, 20


@dataclass(frozen=True)
class SizeRange:
    """Heights of faces.

    Attributes:
        from_px: Least height.
        to_px: All are less high; None for no limit.
    """

    from_px: int
    to_px: int | None

    def __str__(self) -> str:
        if self.to_px is None:
            return f"{self.from_px} px and more" if self.from_px else "any size"
        return f"{self.from_px}-{self.to_px} px"


@dataclass(frozen=True)
class SizeGroup(SizeRange):
    """Pairs whose faces are of similar height.

    Attributes:
        mask: (M,) bool: which pairs.
    """

    mask: BoolArray


def size_groups(heights_px: FloatArray, images: IntArray) -> list[SizeGroup]:
    """Group pairs by the sizes that changes of AP are shown by, the smallest first.

    A group of fewer than `MIN_PAIRS` pairs, or in fewer than `MIN_IMAGES` images, goes to its
    smaller neighbour; what is left of the smallest goes to its larger one. There is at least one
    group, whatever it holds.

    Args:
        heights_px: (M,) of the faces.
        images: (M,) which image each is in.
    """
    n_sizes = len(FACE_SIZES_PX) - 1
    size = np.clip(np.searchsorted(FACE_SIZES_PX, heights_px, side="right") - 1, 0, n_sizes - 1)
    firsts, end = [], n_sizes
    for first in reversed(range(n_sizes)):
        here = (size >= first) & (size < end)
        if here.sum() >= MIN_PAIRS and len(np.unique(images[here])) >= MIN_IMAGES:
            firsts.append(first)
            end = first
    bounds = [0, *reversed(firsts[:-1]), n_sizes]
    return [
        SizeGroup(
            FACE_SIZES_PX[first],
            None if end == n_sizes else FACE_SIZES_PX[end],
            (size >= first) & (size < end),
        )
        for first, end in itertools.pairwise(bounds)
    ]
