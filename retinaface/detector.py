"""Images to detections: decoding, inference and post-processing of many images, overlapped.

Threads read, decode and prepare the next batch, straight into its buffer, and finish the last one,
while the engine runs in the thread of the caller. A few buffers take turns, so memory does not
grow with the number of images.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import TypeVar

import cv2
import numpy as np

from retinaface.detections import Detections, check_outputs, postprocess
from retinaface.engines.base import Engine
from retinaface.environment import n_usable_cpus
from retinaface.errors import EngineFault, ImageError
from retinaface.images import decode_image
from retinaface.pipelines import Geometry, Pipeline, preprocess
from retinaface.typing import FloatArray

_MIN_BUFFERS = 2  # one is filled while the engine reads the other

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Prepared:
    name: str
    tensor: FloatArray  # (3, H, W)
    geometry: Geometry


_Item = _Prepared | tuple[str, ImageError]
_Prepare = Callable[[str, FloatArray | None], _Item]
_Result = tuple[str, Detections | ImageError]


@dataclass(frozen=True)
class _Batch:
    """Neighbours in the order of the run; images that cannot be used stand in their places."""

    items: list[_Item]
    images: FloatArray  # (N, 3, H, W) of the N usable ones


def detect(
    engine: Engine,
    pipeline: Pipeline,
    names: Iterable[str],
    load: Callable[[str], bytes],
    *,
    batch_size: int | None = None,
    workers: int | None = None,
    skip_bad_images: bool = False,
) -> Iterator[_Result]:
    """Detect faces in many images; threads prepare and finish images while the engine runs.

    Args:
        engine: Open, for the pipeline's input size.
        pipeline: The recipe.
        names: What `load` takes and error messages say.
        load: Gives the bytes of an image file; called in threads.
        batch_size: Most images in one call of the engine; None for the pipeline's own. Images of
            different input size are never batched together.
        workers: Threads beside the engine; None for one for each processor.
        skip_bad_images: Give the error in place of detections, instead of stopping.

    Yields:
        Each name with its detections, in the order of `names`.

    Raises:
        ImageError: An image cannot be used; names it.
        EngineFault: The outputs cannot be right: a NaN, an infinity, a score that is no
            probability, an absurd box; names the image.
    """
    size = batch_size or pipeline.batch_size
    n_workers = workers or n_usable_cpus()
    # Beside the batch that the engine reads, two images for each worker.
    n_buffers = max(_MIN_BUFFERS, 1 + ceil(2 * n_workers / size))

    def prepare(name: str, out: FloatArray | None = None) -> _Item:
        try:
            return _prepare(name, load(name), pipeline, out)
        except ImageError as error:
            if not skip_bad_images:
                raise
            return name, error

    with _opencv_on_one_thread(), ThreadPoolExecutor(n_workers, "retinaface-detect") as pool:
        try:
            if pipeline.input_size_px is None:
                batches = _batches_of_equal_size(pool, prepare, names, size, n_buffers)
            else:
                shape = (n_buffers, size, 3, *pipeline.input_size_px)
                batches = _batches_in_buffers(pool, prepare, names, shape)
            last: list[_Result | Future[_Result]] = []
            for batch in batches:
                yield from map(_result, last)
                last = _run_batch(engine, batch, pool)
            yield from map(_result, last)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare(
    name: str, data: bytes, pipeline: Pipeline, out: FloatArray | None = None
) -> _Prepared:
    image = decode_image(data, name)
    try:
        return _Prepared(name, *preprocess(image, pipeline, out))
    except ImageError as error:
        raise ImageError(f"cannot use image {name}: {error}") from error


def _batches_in_buffers(
    pool: ThreadPoolExecutor,
    prepare: _Prepare,
    names: Iterable[str],
    shape: tuple[int, ...],
) -> Iterator[_Batch]:
    """Batches of inputs of one size; workers write into the buffer that the engine reads.

    A buffer is filled again when the next batch is asked for.

    Args:
        pool: The workers.
        prepare: Prepares one image.
        names: Of the images.
        shape: Of all buffers: their number, images in a batch, 3, H, W.
    """
    remaining = iter(names)
    filling: deque[tuple[FloatArray, list[Future[_Item]]]] = deque()

    def fill(buffer: FloatArray) -> None:
        chunk = list(islice(remaining, len(buffer)))
        if chunk:
            slots = zip(chunk, buffer, strict=False)
            filling.append((buffer, [pool.submit(prepare, name, out) for name, out in slots]))

    for buffer in np.empty(shape, dtype=np.float32):
        fill(buffer)
    while filling:
        buffer, futures = filling.popleft()
        items = [future.result() for future in futures]
        usable = [i for i, item in enumerate(items) if isinstance(item, _Prepared)]
        images = buffer[: len(items)]
        yield _Batch(items, images if len(usable) == len(items) else images[usable])
        fill(buffer)


def _batches_of_equal_size(
    pool: ThreadPoolExecutor, prepare: _Prepare, names: Iterable[str], size: int, n_buffers: int
) -> Iterator[_Batch]:
    """Batches of neighbours whose inputs have one size; the size is known once they are decoded."""
    items: list[_Item] = []
    tensors: list[FloatArray] = []
    stream = map_in_order(pool, lambda name: prepare(name, None), names, ahead=n_buffers * size)
    for item in stream:
        if isinstance(item, _Prepared):
            if len(tensors) == size or (tensors and item.tensor.shape != tensors[0].shape):
                yield _Batch(items, np.stack(tensors))
                items, tensors = [], []
            tensors.append(item.tensor)
        items.append(item)
    if items:
        yield _Batch(items, np.stack(tensors) if tensors else np.empty((0, 3, 0, 0), np.float32))


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], ahead: int
) -> Iterator[R]:
    """Like `pool.map`, but holds no more than `ahead` results at a time."""
    iterator = iter(items)
    pending: deque[Future[R]] = deque(pool.submit(function, i) for i in islice(iterator, ahead))
    while pending:
        result = pending.popleft().result()
        pending.extend(pool.submit(function, i) for i in islice(iterator, 1))
        yield result


def _run_batch(
    engine: Engine, batch: _Batch, pool: ThreadPoolExecutor
) -> list[_Result | Future[_Result]]:
    """Run the engine, and leave the rest to the workers."""
    outputs = iter(zip(*engine.infer(batch.images), strict=True) if len(batch.images) else ())
    return [
        pool.submit(_finish, engine, item, *next(outputs)) if isinstance(item, _Prepared) else item
        for item in batch.items
    ]


def _finish(
    engine: Engine, item: _Prepared, loc: FloatArray, scores: FloatArray, landmarks: FloatArray
) -> _Result:
    try:
        check_outputs(loc, scores, landmarks)
        return item.name, postprocess(loc, scores, landmarks, item.geometry)
    except EngineFault as error:
        raise EngineFault(f"{engine.spec.name}: image {item.name}: {error}") from error


def _result(entry: _Result | Future[_Result]) -> _Result:
    return entry.result() if isinstance(entry, Future) else entry


class _Users:
    """How many runs want OpenCV on one thread, and what it had before the first of them."""

    lock = threading.Lock()
    n = 0
    n_threads = 0


@contextmanager
def _opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV's own threads out of the way: the workers already use every processor."""
    with _Users.lock:
        if _Users.n == 0:
            _Users.n_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _Users.n += 1
    try:
        yield
    finally:
        with _Users.lock:
            _Users.n -= 1
            if _Users.n == 0:
                cv2.setNumThreads(_Users.n_threads)
