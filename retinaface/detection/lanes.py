"""Run the network of one pipeline on images that come one by one, and finish their detections."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

from retinaface.detection.batching import (
    Batch,
    Batches,
    BatchesInBuffers,
    BatchesOfEqualSize,
    Item,
    Prepared,
)
from retinaface.detection.detections import Detections, check_outputs, postprocess
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.errors import EngineFault, ImageError
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

Result = tuple[str, Detections | ImageError]


@dataclass(eq=False)
class Job:
    """One engine with one pipeline, in a pass over images that others may share.

    Attributes:
        engine: Open, with the pipeline's input size; jobs may share it.
        batch_size: Most images in one call of the engine; images of different input sizes are never
            in one batch.
        error: What the engine raised, or why its outputs cannot be right; it then got no more
            images, and other jobs went on.
    """

    engine: Engine
    pipeline: Pipeline
    batch_size: int
    error: Exception | None = None


class Busy:
    """Measures how long at least one call of an engine runs."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock, self._n, self._since, self._sum_s = threading.Lock(), 0, 0.0, 0.0

    def seconds(self) -> float:
        """Give the seconds until now."""
        with self._lock:
            return self._sum_s + (time.perf_counter() - self._since if self._n else 0.0)

    def run(self, call: Callable[[], RawOutputs]) -> RawOutputs:
        """Run a call."""
        with self._lock:
            self._since = self._since if self._n else time.perf_counter()
            self._n += 1
        try:
            return call()
        finally:
            with self._lock:
                self._n -= 1
                self._sum_s += 0.0 if self._n else time.perf_counter() - self._since


class Lane:
    """Takes the prepared images of a job one by one, and gives detections in the same order.

    Args:
        workers: Finishes images.
        n_workers: Their number.
        callers: Calls the engine, where calls may overlap.
        busy: Runs the calls of all lanes.
    """

    def __init__(
        self,
        job: Job,
        workers: ThreadPoolExecutor,
        n_workers: int,
        callers: ThreadPoolExecutor,
        busy: Busy,
    ) -> None:
        self.job = job
        self._workers, self._callers, self._busy = workers, callers, busy
        self.batches = _batches(job, n_workers)
        self._running: deque[tuple[Batch, Future[RawOutputs | None]]] = deque()
        self._last: list[Result | Future[Result]] = []

    def take(self, item: Item) -> list[Result]:
        """Take the next image; give results of earlier ones."""
        return self._guarded(self.batches.add(item), is_end=False)

    def end(self) -> list[Result]:
        """Give the results that are left after the last image."""
        return self._guarded(self.batches.rest(), is_end=True)

    def _guarded(self, batches: Iterable[Batch], *, is_end: bool) -> list[Result]:
        """Run batches; an error of the engine ends this job, and no other."""
        try:
            return self._run(batches, is_end=is_end)
        except Exception as error:  # noqa: BLE001 - kept in the job: whoever reads its results raises it
            self.job.error = error
            return []

    def _run(self, batches: Iterable[Batch], *, is_end: bool) -> list[Result]:
        found: list[Result] = []
        for batch in batches:
            self._running.append((batch, self._infer(batch)))
            if len(self._running) == self.job.engine.parallel_calls:
                found += self._finish_oldest()
        while is_end and self._running:
            found += self._finish_oldest()
        return found + (self._results([]) if is_end else [])

    def _infer(self, batch: Batch) -> Future[RawOutputs | None]:
        """Call the engine, in this thread unless calls may overlap; most runtimes expect that."""
        engine, done = self.job.engine, Future[RawOutputs | None]()
        if not len(batch.images):
            done.set_result(None)
            return done
        call = engine.begin(batch.images)
        if engine.parallel_calls > 1:
            return self._callers.submit(self._busy.run, call)
        done.set_result(self._busy.run(call))
        return done

    def _finish_oldest(self) -> list[Result]:
        """Let the workers finish the oldest batch; give the results of the one before."""
        batch, running = self._running.popleft()
        outputs = running.result()
        rows = iter(zip(*outputs, strict=True) if outputs else ())
        entries: list[Result | Future[Result]] = [
            self._workers.submit(_finish, self.job.engine, item, *next(rows))
            if isinstance(item, Prepared)
            else item
            for item in batch.items
        ]
        self.batches.release()
        return self._results(entries)

    def _results(self, entries: list[Result | Future[Result]]) -> list[Result]:
        """Give the results of the last batch, and keep those of the next."""
        last, self._last = self._last, entries
        return [entry.result() if isinstance(entry, Future) else entry for entry in last]


def _batches(job: Job, n_workers: int) -> Batches:
    """Choose how images become batches."""
    size = job.batch_size
    # Two images for each worker, beside the batches that the engine reads.
    n_buffers = job.engine.parallel_calls + ceil(2 * n_workers / size)
    if job.pipeline.input_size_px is None:
        return BatchesOfEqualSize(size, ahead=n_buffers * size)
    return BatchesInBuffers((n_buffers, size, 3, *job.pipeline.input_size_px))


def _finish(
    engine: Engine, item: Prepared, loc: FloatArray, scores: FloatArray, landmarks: FloatArray
) -> Result:
    return item.name, detections_of(engine, item, loc, scores, landmarks)


def detections_of(
    engine: Engine, item: Prepared, loc: FloatArray, scores: FloatArray, landmarks: FloatArray
) -> Detections:
    """Turn the raw outputs of an image into detections.

    Raises:
        EngineFault: The outputs cannot be right; the message names engine and image.
    """
    try:
        check_outputs(loc, scores, landmarks)
        return postprocess(loc, scores, landmarks, item.geometry)
    except EngineFault as error:
        raise EngineFault(f"{engine.spec.name}: image {item.name}: {error}") from error
