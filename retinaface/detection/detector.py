"""Detect faces in many images, with decoding, inference and post-processing at the same time.

Threads read and decode the next images, once for all pipelines of a pass, prepare them straight
into the batches of each pipeline, and finish the last ones, while the engine runs. A bounded number
of images is on the way, so memory does not grow with the number of images.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import cv2

from retinaface.detection.batching import Item, Prepared
from retinaface.detection.detections import Detections
from retinaface.detection.images import decode_image
from retinaface.detection.lanes import Busy, Job, Lane, Result, detections_of
from retinaface.detection.pipelines import Pipeline, preprocess
from retinaface.engines.base import Engine
from retinaface.environment import n_usable_cpus
from retinaface.errors import ImageError
from retinaface.typing import ByteArray, FloatArray

Pixels = ByteArray | FloatArray
__all__ = ["Job", "Pass", "detect", "detect_in_pixels"]  # who runs a pass imports all from here


def detect(
    engine: Engine,
    pipeline: Pipeline,
    names: Iterable[str],
    load: Callable[[str], bytes],
    *,
    batch_size: int | None = None,
    workers: int | None = None,
    skip_bad_images: bool = False,
) -> Iterator[Result]:
    """Detect faces in many images by one pipeline; see `Pass`.

    Args:
        engine: An open engine with the pipeline's input size.
        names: Names of the images, for `load` and for error messages.
        load: Gives the bytes of an image file; called in threads.
        batch_size: Most images in one call of the engine; None for the pipeline's own.
        workers: Threads beside the engine; None for one a processor.
        skip_bad_images: Yield the error in place of detections, instead of stopping.

    Yields:
        Each name with its detections, in the order of `names`.

    Raises:
        ImageError: An image cannot be used; the message names it.
        EngineFault: The outputs cannot be right: a NaN, an infinity, a score that is not a
            probability, an absurd box; the message names the image.
    """
    job = Job(engine, pipeline, batch_size or pipeline.batch_size)
    for _, result in Pass([job], names, load, workers=workers, skip_bad_images=skip_bad_images):
        yield result
    if job.error is not None:
        raise job.error


class Pass:
    """One pass over images for several jobs: each image is read and decoded once.

    Each job gets the batches that it would get alone. A job whose engine raises ends with its
    `error`, and the others go on. The job that looks least far ahead sets how far all do.

    Args:
        jobs: One or more; each is run by the thread that iterates.
        names: Names of the images, for `load` and for error messages.
        load: Gives the bytes of an image file; called in threads.
        workers: Threads beside the engines; None for one a processor.
        skip_bad_images: Yield the error in place of detections, instead of stopping.

    Attributes:
        busy: How long engines have run.
        waited_s: Seconds in which no engine ran, because the next image was not ready.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        names: Iterable[str],
        load: Callable[[str], bytes],
        *,
        workers: int | None = None,
        skip_bad_images: bool = False,
    ) -> None:
        self._jobs, self._names, self._load = jobs, names, load
        self._n_workers = workers or n_usable_cpus()
        self._skips = skip_bad_images
        self.busy, self.waited_s = Busy(), 0.0

    def __iter__(self) -> Iterator[tuple[Job, Result]]:
        """Give each image's result for each job, those of one job in the order of the images.

        Raises:
            ImageError: An image cannot be used, and bad images are not skipped.
        """
        with ExitStack() as stack:
            stack.enter_context(_opencv_on_one_thread())
            workers = stack.enter_context(_threads(self._n_workers, "retinaface-image"))
            lanes = []
            for job in self._jobs:
                callers = stack.enter_context(
                    _threads(job.engine.parallel_calls, "retinaface-infer")
                )
                lanes.append(Lane(job, workers, self._n_workers, callers, self.busy))
            for items in self._prepared(lanes, workers):
                for lane, item in items:
                    yield from ((lane.job, result) for result in lane.take(item))
            for lane in _alive(lanes):
                yield from ((lane.job, result) for result in lane.end())

    def _prepared(
        self, lanes: Sequence[Lane], workers: ThreadPoolExecutor
    ) -> Iterator[Iterator[tuple[Lane, Item]]]:
        """Give each image as each job needs it, and let the workers go ahead as far as all may."""
        names = enumerate(self._names)
        pending: deque[tuple[list[Lane], Future[list[Item]]]] = deque()
        n_begun = 0
        while alive := _alive(lanes):
            while n_begun < min(lane.batches.limit for lane in alive):
                if (numbered := next(names, None)) is None:
                    break
                i, name = numbered
                pending.append((alive, workers.submit(self._prepare, name, i, alive)))
                n_begun += 1
            if not pending:
                return
            wanted, future = pending.popleft()
            started = time.perf_counter() - self.busy.seconds()
            items = future.result()
            self.waited_s += time.perf_counter() - self.busy.seconds() - started
            yield (
                (lane, item) for lane, item in zip(wanted, items, strict=True) if not lane.job.error
            )

    def _prepare(self, name: str, i: int, lanes: Sequence[Lane]) -> list[Item]:
        """Prepare an image for each job, in a worker; it may be an error for all, or for some."""
        try:
            image_bgr = decode_image(self._load(name), name)
        except ImageError as error:
            if not self._skips:
                raise
            return [(name, error)] * len(lanes)
        types = {lane.job.pipeline.pixel_type for lane in lanes}
        pixels: dict[type, Any] = {t: image_bgr.astype(t, copy=False) for t in types}
        return [self._prepare_for(x, i, pixels[x.job.pipeline.pixel_type], name) for x in lanes]

    def _prepare_for(self, lane: Lane, i: int, image_bgr: Pixels, name: str) -> Item:
        try:
            return _prepare_pixels(name, image_bgr, lane.job.pipeline, lane.batches.place(i))
        except ImageError as error:
            if not self._skips:
                raise
            return name, error


def _alive(lanes: Iterable[Lane]) -> list[Lane]:
    return [lane for lane in lanes if lane.job.error is None]


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
    return detections_of(engine, item, *(array[0] for array in outputs))


def _prepare_pixels(
    name: str, image_bgr: Pixels, pipeline: Pipeline, out: FloatArray | None = None
) -> Prepared:
    try:
        return Prepared(name, *preprocess(image_bgr, pipeline, out))
    except ImageError as error:
        raise ImageError(f"cannot use image {name}: {error}") from error


@contextmanager
def _threads(n: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads; at an early end it drops the work that has not begun."""
    with ThreadPoolExecutor(n, name) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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
