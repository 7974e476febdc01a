"""Place targets on workers that have what they need, and collect how each ends.

A worker runs one target at a time, and a machine runs nothing beside a target that takes times.
The client chooses the worker itself: Dask would give a machine two, and would run a target that
kills its workers again and again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retinaface.cluster.targets.plan import Target
from retinaface.cluster.targets.running import Order, Outcome, checked, run_target
from retinaface.cluster.targets.workers import Worker, list_workers
from retinaface.errors import first_line
from retinaface.telling.words import count
from retinaface.verdicts import Verdict

if TYPE_CHECKING:
    from distributed import Client, Future

# How often a target starts whose worker is lost.
_STARTS = 2
# What a worker takes beside a target: to start and end its process, and to pack the record.
_AROUND_S = 120.0
_POLL_S, _LOOK_S = 0.05, 0.5
_RUNNING = ("executing", "long-running", "resumed")


@dataclass
class Finished:
    """A target that ended, or never began.

    Attributes:
        worker: Address of the last worker that ran it; empty where none did.
        lost: Workers that were lost while they ran it.
    """

    target: Target
    outcome: Outcome
    worker: str = ""
    lost: list[str] = field(default_factory=list)


@dataclass
class _Waiting:
    target: Target
    since: float
    lost: list[Worker] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        return [worker.address for worker in self.lost]


@dataclass
class _Placed:
    waiting: _Waiting
    worker: Worker
    future: Future[Outcome]
    since: float

    @property
    def target(self) -> Target:
        return self.waiting.target


def on_worker(order: Order) -> Outcome:
    """Run a target inside a task; it ends when nobody wants the task any more."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in _RUNNING

    return run_target(order, is_wanted)


class Placing:
    """The targets of a plan on the workers of a cluster."""

    def __init__(self, client: Client, targets: Sequence[Target], *, wait_s: float) -> None:
        """Store the arguments.

        Args:
            wait_s: How long a target waits while no worker has what it needs.
        """
        now = time.monotonic()
        self._client, self._wait_s = client, wait_s
        self._waiting = [_Waiting(target, now) for target in targets]
        self._placed: list[_Placed] = []
        self._workers: list[Worker] | None = []
        self._looked = float("-inf")
        self._id = uuid.uuid4().hex[:8]

    def run(self) -> Iterator[Finished]:
        """Run all targets; give each when it ends. A run that stops early ends the others."""
        try:
            while self._waiting or self._placed:
                workers = self._look()
                if workers is None:
                    yield from self._without_scheduler()
                    return
                yield from self._collect({worker.address for worker in workers})
                yield from self._place(workers)
                time.sleep(_POLL_S)
        finally:
            self._cancel([placed.future for placed in self._placed])

    def _look(self) -> list[Worker] | None:
        """List the workers, as they were a moment ago at most."""
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._workers, self._looked = list_workers(self._client), now
        return self._workers

    def _collect(self, addresses: set[str]) -> Iterator[Finished]:
        """Give the targets that ended; those of a lost worker wait again, once."""
        for placed in list(self._placed):
            state = placed.future.status
            is_lost = state in ("lost", "cancelled") or placed.worker.address not in addresses
            if state == "pending" and not is_lost:
                if (outcome := self._overdue(placed)) is None:
                    continue
            elif state in ("finished", "error"):
                outcome = _outcome_of(placed.future)
            else:
                outcome = self._after_loss(placed)
            self._placed.remove(placed)
            self._cancel([placed.future])
            if outcome is not None:
                lost = placed.waiting.addresses
                yield Finished(placed.target, outcome, placed.worker.address, lost)

    def _overdue(self, placed: _Placed) -> Outcome | None:
        """Give up a target whose worker should have ended it."""
        most_s = placed.target.own.time_limit + _AROUND_S
        if time.monotonic() - placed.since <= most_s:
            return None
        text = f"the worker {placed.worker.address} did not answer within {most_s:g} s"
        return Outcome(Verdict.INCONCLUSIVE, text, seconds=most_s)

    def _after_loss(self, placed: _Placed) -> Outcome | None:
        """Let a target wait for another worker; where it lost two, that is how it ended."""
        placed.waiting.lost.append(placed.worker)
        if len(placed.waiting.lost) < _STARTS:
            placed.waiting.since = time.monotonic()
            self._waiting.insert(0, placed.waiting)
            return None
        text = f"{_STARTS} workers were lost while they ran it: "
        return Outcome(Verdict.FAIL, text + ", then ".join(placed.waiting.addresses))

    def _place(self, workers: Sequence[Worker]) -> Iterator[Finished]:
        """Start what can start; give the targets that waited too long for a worker."""
        now = time.monotonic()
        for waiting in list(self._waiting):
            others = [one for one in workers if one.address not in waiting.addresses]
            fit = [one for one in others if one.has(waiting.target.own.needs)]
            if not fit:
                if now - waiting.since > self._wait_s:
                    self._waiting.remove(waiting)
                    outcome = Outcome(Verdict.INCONCLUSIVE, self._nobody(waiting, workers))
                    last = waiting.addresses[-1] if waiting.lost else ""
                    yield Finished(waiting.target, outcome, last, waiting.addresses)
                continue
            waiting.since = now
            free = [worker for worker in fit if self._is_free(worker, waiting.target)]
            if free:
                machines = {worker.machine for worker in waiting.lost}
                worker = min(free, key=lambda one: one.machine in machines)
                self._waiting.remove(waiting)
                self._placed.append(self._start(waiting, worker))

    def _is_free(self, worker: Worker, target: Target) -> bool:
        """Tell whether a target may start on a worker now."""
        for placed in self._placed:
            shares = not (placed.target.own.alone or target.own.alone)
            if placed.worker.address == worker.address:
                return False
            if placed.worker.machine == worker.machine and not shares:
                return False
        return True

    def _nobody(self, waiting: _Waiting, workers: Sequence[Worker]) -> str:
        """Say which worker was missing."""
        what = f"no{' other' if waiting.lost else ''} worker"
        what += f" with {waiting.target.tag}" if waiting.target.tag else ""
        there = sorted({f"{k}={v:g}" for worker in workers for k, v in worker.resources.items()})
        text = f"{what} within {self._wait_s:g} s; the cluster has {count(len(workers), 'worker')}"
        text += f" with {', '.join(there)}" if there else " without resources" if workers else ""
        lost = f"the worker {waiting.addresses[-1]} was lost; " if waiting.lost else ""
        return f"{lost}{text}"

    def _start(self, waiting: _Waiting, worker: Worker) -> _Placed:
        own = waiting.target.own
        order = Order(own.python, waiting.target.arguments, own.env, own.time_limit)
        future = self._client.submit(
            on_worker,
            order,
            key=f"retinaface-{self._id}-{waiting.target.name}-{len(waiting.lost)}",
            workers=[worker.address],
            resources=own.needs or None,
            pure=False,
        )
        return _Placed(waiting, worker, future, time.monotonic())

    def _without_scheduler(self) -> Iterator[Finished]:
        """End all that is open, because nobody can say how it went."""
        outcome = Outcome(Verdict.INCONCLUSIVE, "the scheduler was lost before this target ended")
        open_targets = [(one.target, one.worker.address) for one in self._placed]
        open_targets += [(one.target, "") for one in self._waiting]
        self._placed, self._waiting = [], []
        for target, worker in open_targets:
            yield Finished(target, outcome, worker)

    def _cancel(self, futures: Sequence[Future[Outcome]]) -> None:
        if futures and self._client.status == "running":
            self._client.cancel(list(futures), force=True)


def _outcome_of(future: Future[Outcome]) -> Outcome:
    """Give the outcome of a task; one that raised could not even run the target."""
    error = future.exception()
    if error is None:
        return checked(future.result())
    text = first_line(error) if isinstance(error, Exception) else str(error)
    return Outcome(Verdict.FAIL, f"the worker could not run it: {type(error).__name__}: {text}")
