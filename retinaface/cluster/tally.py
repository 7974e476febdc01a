"""Add the tallies of shards in memory that does not grow with them, and make AP at the end."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from retinaface.cluster.shard_results import ShardTally, unpack_flags
from retinaface.errors import DatasetError, OutputError
from retinaface.typing import ByteArray, FloatArray
from retinaface.widerface.average_precision import (
    N_THRESHOLDS,
    ScoreRange,
    Totals,
    average_precision,
    entering,
    threshold_indices,
)
from retinaface.widerface.plausibility import next_to_nothing

_BLOCK = 2**18  # detections that are counted at a time: about 10 MB with all that is made of them


@dataclass(frozen=True)
class Figures:
    """The result of a run whose detections stay on the workers; fields as in `Evaluation`.

    It begins anew, so nothing of it was found earlier.
    """

    ap: dict[str, float]
    n_images: int
    n_detections: int
    bad_images: dict[str, str]
    detect_s: float
    warning: str = ""
    n_earlier: int = 0


@dataclass
class _Sums:
    n_faces: Any = 0
    low: float = 1.0
    high: float = 0.0
    n_images: int = 0
    n_used: int = 0
    n_detections: int = 0
    n_kept: int = 0
    bad_images: dict[str, str] = field(default_factory=dict)


class Tally:
    """Takes tallies of shards; scores wait in temporary files for the range of the whole set."""

    def __init__(self) -> None:
        """Start with none."""
        self._sums = _Sums()
        self._files = contextlib.ExitStack()
        # Closed by the stack.
        self._scores = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._flags = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115

    def __enter__(self) -> Tally:
        """Return the tally itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete the files."""
        self._files.close()

    def add(self, shard: ShardTally) -> None:
        """Add a shard.

        Raises:
            OutputError: The temporary folder is full.
        """
        sums, one = self._sums, shard.scores_range
        sums.n_faces = sums.n_faces + shard.n_faces
        sums.low, sums.high = min(sums.low, one.low), max(sums.high, one.high)
        sums.n_images += shard.n_images
        sums.n_used += shard.n_used
        sums.n_detections += shard.n_detections
        sums.n_kept += len(shard.scores)
        sums.bad_images |= shard.bad_images
        with _disk_errors():
            self._scores.write(shard.scores.tobytes())
            self._flags.write(shard.flags.tobytes())

    def conclude(self, detect_s: float) -> Figures:
        """Compute AP.

        Raises:
            DatasetError: No image could be used.
        """
        sums = self._sums
        if not sums.n_used:
            raise DatasetError(f"none of {sums.n_images} images could be used; check the folder")
        n_splits, whole = len(sums.n_faces), ScoreRange(sums.low, sums.high)
        proposals = np.zeros((N_THRESHOLDS, n_splits), np.int64)
        hits = np.zeros_like(proposals)
        for scores, flags in self._blocks():
            first = threshold_indices(scores, whole)
            used = first < N_THRESHOLDS
            is_proposal, is_hit = unpack_flags(flags[used], n_splits)
            proposals += entering(first[used], is_proposal)
            hits += entering(first[used], is_hit)
        ap = average_precision(Totals(sums.n_faces, proposals, hits))
        n = sums.n_images
        warning = next_to_nothing(ap, n_images=n, n_detections=sums.n_detections)
        return Figures(ap, n, sums.n_detections, sums.bad_images, detect_s, warning)

    def _blocks(self) -> Iterator[tuple[FloatArray, ByteArray]]:
        with _disk_errors():
            self._scores.seek(0)
            self._flags.seek(0)
        for begin in range(0, self._sums.n_kept, _BLOCK):
            n = min(_BLOCK, self._sums.n_kept - begin)
            yield (
                np.frombuffer(self._scores.read(8 * n), np.float64),
                np.frombuffer(self._flags.read(n), np.uint8),
            )


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot keep the scores of the run in {tempfile.gettempdir()}: {error}; free about "
            "2 kB an image there, or name another folder: TMPDIR"
        ) from error
