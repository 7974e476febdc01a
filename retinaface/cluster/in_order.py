"""Keep workers busy with shards, and hand the results on in order, whatever order they come in."""

from __future__ import annotations

import queue
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retinaface.cluster.shards import Shard, Shards
from retinaface.cluster.workers import SchedulerLostError, Workers
from retinaface.errors import ClusterError, RetinaFaceError

if TYPE_CHECKING:
    from distributed import Future

# One that a worker runs, and one that it has when that ends.
IN_HAND = 2
# Results that wait for one before them: so many shards for each worker.
WAITING = 16
# A shard that takes so many times the median, and so many seconds more, is run by an idle worker
# too; the first result counts.
SLOW_TIMES, SLOW_S = 3.0, 5.0
# No shard ends in so long: the workers hang.
SILENT_S = 1800.0
_LOOK_S = 1.0
# All workers may be starting again.
_NOBODY_S = 60.0


@dataclass
class Happened:
    """What went wrong and was made good.

    Attributes:
        n_workers: Most that were there at a time.
        n_lost: Workers that were there and left.
        n_repeated: Shards that a lost worker held, or that an idle one ran beside a slow one.
    """

    n_workers: int = 0
    n_lost: int = 0
    n_repeated: int = 0


@dataclass
class _Running:
    shard: Shard
    since: float
    futures: list[Future[Any]] = field(default_factory=list)


class InOrder:
    """Runs all shards.

    Args:
        send: Submits a shard, to one worker alone where its address is given.
        check: Raises a ClusterError where a result is not one of its shard.
    """

    def __init__(
        self,
        workers: Workers,
        shards: Shards,
        send: Callable[[Shard, str | None], Future[Any]],
        happened: Happened,
        check: Callable[[Shard, Any], None] = lambda _shard, _value: None,
    ) -> None:
        self._check = check
        self._workers, self._shards, self._send = workers, shards, send
        self._happened = happened
        self._running: dict[int, _Running] = {}
        self._done: dict[int, tuple[Shard, Any]] = {}
        self._next = 0
        self._ended: queue.Queue[tuple[int, Future[Any]]] = queue.Queue()
        self._image_s: list[float] = []
        self._there: set[str] = workers.addresses()
        self._held: dict[str, tuple[str, ...]] = {}
        self._looked = self._heard = self._manned = time.monotonic()

    def results(self) -> Iterator[tuple[Shard, Any]]:
        """Give each shard with its result, in order.

        Raises:
            ClusterError: Workers or the scheduler were lost, or no shard ends any more.
            RetinaFaceError: What a task raised.
        """
        try:
            while not (self._shards.is_empty and not self._running and not self._done):
                self._fill()
                while self._next in self._done:
                    shard, value = self._done.pop(self._next)
                    if isinstance(value, RetinaFaceError):
                        raise value
                    yield shard, value
                    self._next += 1
                    self._fill()
                if self._running:
                    self._wait()
        finally:
            for one in self._running.values():
                for future in one.futures:
                    future.release()

    def _fill(self) -> None:
        n = max(1, len(self._there))
        while (
            not self._shards.is_empty
            and len(self._running) < IN_HAND * n
            and len(self._running) + len(self._done) < WAITING * n
        ):
            image_s = statistics.median(self._image_s) if self._image_s else None
            shard = self._shards.cut(n, image_s)
            self._running[shard.index] = _Running(shard, time.monotonic())
            self._begin(shard, None)

    def _begin(self, shard: Shard, only_on: str | None) -> None:
        future = self._send(shard, only_on)
        self._running[shard.index].futures.append(future)
        future.add_done_callback(lambda ended: self._ended.put((shard.index, ended)))

    def _wait(self) -> None:
        try:
            index, future = self._ended.get(timeout=_LOOK_S)
        except queue.Empty:
            self._look()
            return
        if time.monotonic() - self._looked > _LOOK_S:
            self._look()
        one = self._running.get(index)
        if one is None:  # the other of two that ran it was faster
            return
        self._done[index] = one.shard, self._value(future, one.shard)
        self._heard = time.monotonic()
        del self._running[index]
        for other in one.futures:
            other.release()

    def _value(self, future: Future[Any], shard: Shard) -> Any:
        """Give a result, or an error, which has its turn too: the first bad image is reported."""
        try:
            value = self._workers.outcome(future, str(shard))
            self._check(shard, value)
        except SchedulerLostError:
            raise
        except RetinaFaceError as error:
            return error
        self._image_s = [*self._image_s[-31:], value.seconds / shard.n_images]
        return value

    def _look(self) -> None:
        """See who is there, and what is late."""
        self._looked = now = time.monotonic()
        there, held = self._workers.addresses(), self._workers.held()
        lost = self._there - there
        self._happened.n_lost += len(lost)
        self._happened.n_repeated += sum(
            any(f.key in self._held.get(worker, ()) for worker in lost)
            for one in self._running.values()
            for f in one.futures[:1]
        )
        self._there, self._held = there, held
        self._manned = now if there else self._manned
        if now - self._manned > _NOBODY_S:
            raise ClusterError(
                f"all workers of {self._workers.address} were lost, and none came for "
                f"{_NOBODY_S:.0f} s; look at their logs, start some, and run again"
            )
        self._happened.n_workers = max(self._happened.n_workers, len(there))
        if now - self._heard > SILENT_S:
            late = ", ".join(str(one.shard) for one in self._running.values())
            raise ClusterError(
                f"no shard ended for {SILENT_S:.0f} s ({late}; {len(there)} workers of "
                f"{self._workers.address}); look at their logs, then run again"
            )
        self._help(now)

    def _help(self, now: float) -> None:
        """Let an idle worker run a shard that is late, beside the one that has it."""
        idle = [worker for worker in sorted(self._there) if not self._held.get(worker)]
        for one in sorted(self._running.values(), key=lambda one: one.shard.index):
            if not (idle and self._image_s):
                return
            usual_s = statistics.median(self._image_s) * one.shard.n_images
            is_late = now - one.since > IN_HAND * SLOW_TIMES * usual_s + SLOW_S
            if is_late and len(one.futures) == 1:
                self._begin(one.shard, idle.pop(0))
                self._happened.n_repeated += 1
