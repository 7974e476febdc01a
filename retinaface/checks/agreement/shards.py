"""Compare two engines over images in one pass, shard by shard: of each shard only sums are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from retinaface.checks.agreement.sums import ShardSums, sum_up
from retinaface.checks.detection_changes import ImageDifference, image_difference
from retinaface.checks.offsets.judged import Precisions
from retinaface.detection.detector import Job, Pass
from retinaface.detection.lanes import Result
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.errors import ImageError
from retinaface.typing import float_of


@dataclass(frozen=True)
class Shard:
    """Neighbours in the order of the run.

    Attributes:
        first: Name of the first image.
        last: Name of the last one.
        sums: What the engines found in them.
    """

    first: str
    last: str
    sums: ShardSums


@dataclass
class _Open:
    """The shard that is being filled."""

    names: list[str] = field(default_factory=list)
    found: list[ImageDifference] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)

    def add(self, old: Result, new: Result) -> None:
        (name, before), (_, after) = old, new
        self.names.append(name)
        if isinstance(before, ImageError):
            self.bad[name] = str(before)
        elif isinstance(after, ImageError):
            self.bad[name] = str(after)
        else:
            self.found.append(image_difference(name, before, after))

    def close(self, precisions: Precisions) -> Shard:
        return Shard(self.names[0], self.names[-1], sum_up(self.found, self.bad, precisions))


def compare_shards(
    old: Engine,
    new: Engine,
    pipeline: Pipeline,
    names: Iterable[str],
    load: Callable[[str], bytes],
    *,
    shard_size: int,
    batch_size: int | None = None,
    workers: int | None = None,
    skip_bad_images: bool = False,
) -> Iterator[Shard]:
    """Run two engines over images, each read and decoded once, and compare what they find.

    Memory does not grow with the number of images.

    Args:
        old: An open engine with the pipeline's input size.
        new: Likewise.
        names: Names of the images, for `load` and for error messages.
        load: Gives the bytes of an image file; called in threads.
        shard_size: Images in one shard.
        batch_size: Most images in one call; None for the pipeline's own.
        workers: Threads beside the engines; None for one a processor.
        skip_bad_images: Count an image that cannot be used, in place of stopping.

    Yields:
        Shards in the order of the images; the last one may have fewer.

    Raises:
        ImageError: An image cannot be used.
        EngineFault: The outputs of an engine cannot be right.
    """
    jobs = [Job(engine, pipeline, batch_size or pipeline.batch_size) for engine in (old, new)]
    precisions = (float_of(old.spec.precision), float_of(new.spec.precision))
    shard = _Open()
    stream = Pass(jobs, names, load, workers=workers, skip_bad_images=skip_bad_images)
    for both in _together(stream, jobs):
        shard.add(*both)
        if len(shard.names) == shard_size:
            yield shard.close(precisions)
            shard = _Open()
    if shard.names:
        yield shard.close(precisions)


def _together(
    stream: Iterable[tuple[Job, Result]], jobs: Sequence[Job]
) -> Iterator[tuple[Result, Result]]:
    """Give the results of both engines image by image; one may be a few batches ahead.

    Raises:
        Exception: What an engine raised, as soon as the other gives a result.
    """
    waiting: dict[Job, deque[Result]] = {job: deque() for job in jobs}
    old, new = waiting.values()
    for job, result in stream:
        _raise_error_of(jobs)
        waiting[job].append(result)
        while old and new:
            yield old.popleft(), new.popleft()
    _raise_error_of(jobs)


def _raise_error_of(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.error is not None:
            raise job.error
