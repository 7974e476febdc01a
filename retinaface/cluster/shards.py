"""Cut the images of a run into shards, only where the run of one machine begins a new batch."""

from __future__ import annotations

from dataclasses import dataclass

from retinaface.detection.pipelines import Pipeline
from retinaface.errors import ClusterError

# A lost worker costs the time of its shard, a short shard costs the scheduler's time for a task.
MOST_IMAGES = 256
LEAST_IMAGES = 8
FIRST_IMAGES = 64
TARGET_S = 10.0
# Shards become so small towards the end that all workers end at nearly the same time.
PARTS_OF_REST = 4


@dataclass(frozen=True)
class Shard:
    """Images `begin` to `end` - 1 of a run, and how many shards were before."""

    index: int
    begin: int
    end: int

    @property
    def n_images(self) -> int:
        """Count the images."""
        return self.end - self.begin

    def __str__(self) -> str:
        """Name the images, counted from 1."""
        return f"images {self.begin + 1} to {self.end}"


def border_step(pipeline: Pipeline, batch_size: int) -> int:
    """Give the number of images from one border that a shard may have to the next.

    Raises:
        ClusterError: Batches depend on the sizes of the images, so borders are not known before.
    """
    if pipeline.input_size_px is None and batch_size > 1:
        raise ClusterError(
            f"--scheduler with {pipeline.name} and batch {batch_size}: neighbours of equal size "
            "make its batches, so shards would have other batches than one machine; leave --batch "
            "out (the published batch is 1)"
        )
    return batch_size


class Shards:
    """Cuts shard after shard, as large as the moment asks for.

    Args:
        n_images: Of the run.
        step: From `border_step`.
    """

    def __init__(self, n_images: int, step: int) -> None:
        self._n_images, self._step = n_images, step
        self._index = self._begin = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether all images are in a shard."""
        return self._begin == self._n_images

    def cut(self, n_workers: int, image_s: float | None) -> Shard:
        """Cut the next shard.

        Args:
            n_workers: At least 1.
            image_s: Seconds that an image takes a worker; None while that is unknown.
        """
        left = self._n_images - self._begin
        most = FIRST_IMAGES if image_s is None else int(TARGET_S / max(image_s, 1e-9))
        n = min(MOST_IMAGES, most, left // (PARTS_OF_REST * n_workers))
        n = max(n, LEAST_IMAGES) // self._step * self._step or self._step
        shard = Shard(self._index, self._begin, min(self._begin + n, self._n_images))
        self._index, self._begin = self._index + 1, shard.end
        return shard
