"""Prepare batches of network inputs in workers, ahead of the engine, in the order of the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from retinaface.detection.pipelines import Geometry
from retinaface.errors import ImageError
from retinaface.typing import FloatArray

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Prepared:
    """One image, ready for the engine."""

    name: str
    tensor: FloatArray  # (3, H, W)
    geometry: Geometry


Item = Prepared | tuple[str, ImageError]
Prepare = Callable[[str, FloatArray | None], Item]


@dataclass(frozen=True)
class Batch:
    """Neighbours in the order of the run; an image that cannot be used leaves its error there."""

    items: list[Item]
    images: FloatArray  # (N, 3, H, W), only the N usable ones
    buffer: FloatArray | None = None  # the memory of `images`


class BatchesInBuffers:
    """Batches of inputs of one size; workers write into the buffer that the engine reads.

    Args:
        shape: Number of buffers, images in a batch, 3, H, W.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        prepare: Prepare,
        names: Iterable[str],
        shape: tuple[int, ...],
    ) -> None:
        self._pool, self._prepare, self._remaining = pool, prepare, iter(names)
        self._filling: deque[tuple[FloatArray, list[Future[Item]]]] = deque()
        for buffer in np.empty(shape, dtype=np.float32):
            self._fill(buffer)

    def __iter__(self) -> Iterator[Batch]:
        """Give each batch once all its images are prepared."""
        while self._filling:
            buffer, futures = self._filling.popleft()
            items = [future.result() for future in futures]
            usable = [i for i, item in enumerate(items) if isinstance(item, Prepared)]
            images = buffer[: len(items)]
            if len(usable) < len(items):
                images = images[usable]
            yield Batch(items, images, buffer)

    def release(self, batch: Batch) -> None:
        """Free the buffer of a batch that the engine has read; workers fill it again."""
        if batch.buffer is not None:
            self._fill(batch.buffer)

    def _fill(self, buffer: FloatArray) -> None:
        chunk = list(islice(self._remaining, len(buffer)))
        if chunk:
            slots = zip(chunk, buffer, strict=False)
            futures = [self._pool.submit(self._prepare, name, out) for name, out in slots]
            self._filling.append((buffer, futures))


class BatchesOfEqualSize:
    """Batches of neighbours with inputs of one size, which is known once they are decoded.

    Args:
        size: Most images in a batch.
        ahead: Most images to prepare ahead of the engine.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        prepare: Prepare,
        names: Iterable[str],
        size: int,
        ahead: int,
    ) -> None:
        self._size = size
        self._items = map_in_order(pool, lambda name: prepare(name, None), names, ahead)

    def __iter__(self) -> Iterator[Batch]:
        """Give each batch once all its images are prepared."""
        items: list[Item] = []
        tensors: list[FloatArray] = []
        for item in self._items:
            if isinstance(item, Prepared):
                is_full = len(tensors) == self._size
                if is_full or (tensors and item.tensor.shape != tensors[0].shape):
                    yield Batch(items, np.stack(tensors))
                    items, tensors = [], []
                tensors.append(item.tensor)
            items.append(item)
        if items:
            nothing = np.empty((0, 3, 0, 0), np.float32)
            yield Batch(items, np.stack(tensors) if tensors else nothing)

    def release(self, batch: Batch) -> None:
        """Do nothing: there is no buffer to free."""


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], ahead: int
) -> Iterator[R]:
    """Work like `pool.map`, but hold no more than `ahead` results at a time."""
    iterator = iter(items)
    pending: deque[Future[R]] = deque(pool.submit(function, i) for i in islice(iterator, ahead))
    while pending:
        result = pending.popleft().result()
        pending.extend(pool.submit(function, i) for i in islice(iterator, 1))
        yield result
