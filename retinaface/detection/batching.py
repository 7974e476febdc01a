"""Collect prepared images into the batches of one pipeline, in the order of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retinaface.detection.pipelines import Geometry
from retinaface.errors import ImageError
from retinaface.typing import FloatArray


@dataclass(frozen=True)
class Prepared:
    """One image, ready for the engine."""

    name: str
    tensor: FloatArray  # (3, H, W)
    geometry: Geometry


Item = Prepared | tuple[str, ImageError]


@dataclass(frozen=True)
class Batch:
    """Neighbours in the order of the run; an image that cannot be used leaves its error there."""

    items: Sequence[Item]
    images: FloatArray  # (N, 3, H, W), only the N usable ones


class Batches(Protocol):
    """Makes batches of images that come one by one."""

    @property
    def limit(self) -> int:
        """Give how many images may be in preparation, or beyond it, by now."""

    def place(self, i: int) -> FloatArray | None:
        """Give the (3, H, W) memory of the i-th image of the run; None for memory of its own."""

    def add(self, item: Item) -> list[Batch]:
        """Take the next image; give the batch that it completes."""

    def rest(self) -> list[Batch]:
        """Give the images that are left after the last one."""

    def release(self) -> None:
        """Take the oldest batch back, which the engine has read."""


class BatchesInBuffers:
    """Batches of inputs of one size; workers write into the buffer that the engine reads.

    Args:
        shape: Number of buffers, images in a batch, 3, H, W.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._buffers = np.empty(shape, dtype=np.float32)
        self._n_buffers, self._size = shape[:2]
        self._n_made = self._n_released = 0
        self._items: list[Item] = []

    @property
    def limit(self) -> int:
        """See `Batches`: buffers that the engine has read are free for further images."""
        return (self._n_released + self._n_buffers) * self._size

    def place(self, i: int) -> FloatArray:
        """See `Batches`."""
        i_batch, row = divmod(i, self._size)
        place: FloatArray = self._buffers[i_batch % self._n_buffers, row]
        return place

    def add(self, item: Item) -> list[Batch]:
        """See `Batches`."""
        self._items.append(item)
        return self.rest() if len(self._items) == self._size else []

    def rest(self) -> list[Batch]:
        """See `Batches`."""
        items, self._items = self._items, []
        if not items:
            return []
        images = self._buffers[self._n_made % self._n_buffers, : len(items)]
        self._n_made += 1
        usable = [i for i, item in enumerate(items) if isinstance(item, Prepared)]
        return [Batch(items, images if len(usable) == len(items) else images[usable])]

    def release(self) -> None:
        """See `Batches`."""
        self._n_released += 1


class BatchesOfEqualSize:
    """Batches of neighbours with inputs of one size, which is known once they are decoded.

    Args:
        size: Most images in a batch.
        ahead: Most images to prepare ahead of the engine.
    """

    def __init__(self, size: int, ahead: int) -> None:
        self._size, self._ahead = size, ahead
        self._n_taken = 0
        self._items: list[Item] = []
        self._tensors: list[FloatArray] = []

    @property
    def limit(self) -> int:
        """See `Batches`."""
        return self._n_taken + self._ahead

    def place(self, i: int) -> None:
        """See `Batches`: the size is not known yet."""

    def add(self, item: Item) -> list[Batch]:
        """See `Batches`."""
        self._n_taken += 1
        done: list[Batch] = []
        if isinstance(item, Prepared):
            is_full = len(self._tensors) == self._size
            if is_full or (self._tensors and item.tensor.shape != self._tensors[0].shape):
                done = self.rest()
            self._tensors.append(item.tensor)
        self._items.append(item)
        return done

    def rest(self) -> list[Batch]:
        """See `Batches`."""
        items, tensors, self._items, self._tensors = self._items, self._tensors, [], []
        if not items:
            return []
        if not tensors:
            return [Batch(items, np.empty((0, 3, 0, 0), np.float32))]
        # One image, the published batch of these pipelines, is not copied.
        return [Batch(items, tensors[0][None] if len(tensors) == 1 else np.stack(tensors))]

    def release(self) -> None:
        """Do nothing: there is no buffer to free."""
