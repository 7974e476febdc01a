"""Detect faces in many images, with decoding, inference and post-processing at the same time.

Threads read, decode and prepare the next batch, straight into its buffer, and finish the last one,
while the engine runs. A few buffers take turns, so memory does not grow with the number of images.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from math import ceil

import cv2

from retinaface.detection.batching import (
    Batch,
    BatchesInBuffers,
    BatchesOfEqualSize,
    Item,
    Prepare,
    Prepared,
)
from retinaface.detection.detections import Detections, check_outputs, postprocess
from retinaface.detection.images import decode_image
from retinaface.detection.pipelines import Pipeline, preprocess
from retinaface.engines.base import Engine
from retinaface.environment import n_usable_cpus
from retinaface.errors import EngineFault, ImageError
from retinaface.network.outputs import RawOutputs
from retinaface.typing import ByteArray, FloatArray

_Result = tuple[str, Detections | ImageError]


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
        engine: An open engine with the pipeline's input size.
        names: Names of the images, for `load` and for error messages.
        load: Gives the bytes of an image file; called in threads.
        batch_size: Most images in one call of the engine; None for the pipeline's own. Images of
            different input sizes are never in one batch.
        workers: Threads beside the engine; None for one a processor.
        skip_bad_images: Yield the error in place of detections, instead of stopping.

    Yields:
        Each name with its detections, in the order of `names`.

    Raises:
        ImageError: An image cannot be used; the message names it.
        EngineFault: The outputs cannot be right: a NaN, an infinity, a score that is not a
            probability, an absurd box; the message names the image.
    """
    size = batch_size or pipeline.batch_size
    n_workers = workers or n_usable_cpus()
    # Two images for each worker, beside the batches that the engine reads.
    n_buffers = engine.parallel_calls + ceil(2 * n_workers / size)
    prepare = _make_preparer(load, pipeline, skip_bad_images=skip_bad_images)
    with ExitStack() as stack:
        stack.enter_context(_opencv_on_one_thread())
        pool = stack.enter_context(_threads(n_workers, "retinaface-image"))
        callers = stack.enter_context(_threads(engine.parallel_calls, "retinaface-infer"))
        batches: BatchesInBuffers | BatchesOfEqualSize
        if pipeline.input_size_px is None:
            batches = BatchesOfEqualSize(pool, prepare, names, size, ahead=n_buffers * size)
        else:
            shape = (n_buffers, size, 3, *pipeline.input_size_px)
            batches = BatchesInBuffers(pool, prepare, names, shape)
        running: deque[tuple[Batch, Future[RawOutputs | None]]] = deque()
        last: list[_Result | Future[_Result]] = []
        for batch in batches:
            running.append((batch, _infer(engine, batch, callers)))
            if len(running) == engine.parallel_calls:
                finished, outputs = running.popleft()
                entries = _finish_batch(engine, finished, outputs.result(), pool)
                batches.release(finished)
                yield from map(_result, last)
                last = entries
        yield from map(_result, last)
        for finished, outputs in running:
            yield from map(_result, _finish_batch(engine, finished, outputs.result(), pool))


def detect_in_pixels(
    engine: Engine, pipeline: Pipeline, image_bgr: ByteArray, name: str
) -> Detections:
    """Detect faces in one decoded image, in one call of the engine.

    Args:
        engine: An open engine with the pipeline's input size.
        image_bgr: (H, W, 3) uint8.
        name: Name of the image in error messages.

    Raises:
        ImageError: The image is so narrow that resizing leaves nothing.
        EngineFault: The outputs cannot be right.
    """
    item = _prepare_pixels(name, image_bgr, pipeline)
    outputs = engine.infer(item.tensor[None])
    return _detections(engine, item, *(array[0] for array in outputs))


@contextmanager
def _threads(n: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads; at an early end it drops the work that has not begun."""
    with ThreadPoolExecutor(n, name) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _make_preparer(
    load: Callable[[str], bytes], pipeline: Pipeline, *, skip_bad_images: bool
) -> Prepare:
    """Make the function that prepares a named image in a worker; it may return an error."""

    def prepare(name: str, out: FloatArray | None = None) -> Item:
        try:
            return _prepare(name, load(name), pipeline, out)
        except ImageError as error:
            if not skip_bad_images:
                raise
            return name, error

    return prepare


def _prepare(name: str, data: bytes, pipeline: Pipeline, out: FloatArray | None = None) -> Prepared:
    return _prepare_pixels(name, decode_image(data, name), pipeline, out)


def _prepare_pixels(
    name: str, image_bgr: ByteArray, pipeline: Pipeline, out: FloatArray | None = None
) -> Prepared:
    try:
        return Prepared(name, *preprocess(image_bgr, pipeline, out))
    except ImageError as error:
        raise ImageError(f"cannot use image {name}: {error}") from error


def _infer(engine: Engine, batch: Batch, callers: ThreadPoolExecutor) -> Future[RawOutputs | None]:
    """Call the engine, in this thread unless calls may overlap; most runtimes expect that."""
    if len(batch.images) and engine.parallel_calls > 1:
        return callers.submit(engine.infer, batch.images)
    done: Future[RawOutputs | None] = Future()
    done.set_result(engine.infer(batch.images) if len(batch.images) else None)
    return done


def _finish_batch(
    engine: Engine, batch: Batch, outputs: RawOutputs | None, pool: ThreadPoolExecutor
) -> list[_Result | Future[_Result]]:
    """Let the workers turn the outputs of a batch into detections."""
    rows = iter(zip(*outputs, strict=True) if outputs else ())
    return [
        pool.submit(_finish, engine, item, *next(rows)) if isinstance(item, Prepared) else item
        for item in batch.items
    ]


def _finish(
    engine: Engine, item: Prepared, loc: FloatArray, scores: FloatArray, landmarks: FloatArray
) -> _Result:
    return item.name, _detections(engine, item, loc, scores, landmarks)


def _detections(
    engine: Engine, item: Prepared, loc: FloatArray, scores: FloatArray, landmarks: FloatArray
) -> Detections:
    try:
        check_outputs(loc, scores, landmarks)
        return postprocess(loc, scores, landmarks, item.geometry)
    except EngineFault as error:
        raise EngineFault(f"{engine.spec.name}: image {item.name}: {error}") from error


def _result(entry: _Result | Future[_Result]) -> _Result:
    return entry.result() if isinstance(entry, Future) else entry


class _Users:
    """The number of runs that want OpenCV on one thread, and its number of threads before them."""

    lock = threading.Lock()
    n = 0
    n_threads = 0


@contextmanager
def _opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV on one thread, because the workers already use every processor."""
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
