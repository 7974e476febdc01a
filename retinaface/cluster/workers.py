"""Give the workers of a scheduler a run's engine, and send tasks to them."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from retinaface.cluster.connection import FIRST_WORKER_S
from retinaface.errors import ClusterError, first_line

if TYPE_CHECKING:
    from distributed import Client, Future

    from retinaface.cluster.worker import EnginePlugin, Mission, Outcome

# A scheduler answers in milliseconds, even a busy one in seconds.
ANSWER_S = 30
# Building an engine may take minutes.
OPEN_S = 3600
_LOOK_S = 0.5
_TRIES = 5


class SchedulerLostError(ClusterError):
    """The scheduler of a run does not answer any more."""


class Workers:
    """The workers that may run tasks of one run.

    Attributes:
        client: Of the scheduler.
        name: Of the run, by which workers find its engine.
        resources: What each task takes of a worker's resources.
        runtime: Of the engine, with the version; equal on all workers.
    """

    def __init__(self, client: Client, name: str, resources: Mapping[str, float]) -> None:
        self.client, self.name, self.resources = client, name, dict(resources)
        self.address = client.scheduler_info(n_workers=0)["address"]
        self.runtime: tuple[str, str] | None = None

    def addresses(self) -> set[str]:
        """Ask the scheduler which workers have the resources.

        Raises:
            ClusterError: It does not answer.
        """
        return {
            address
            for address, worker in self._ask("identity")["workers"].items()
            if all(worker["resources"].get(n, 0) >= k for n, k in self.resources.items())
        }

    def held(self) -> dict[str, tuple[str, ...]]:
        """Ask the scheduler for the keys of the tasks that each worker holds.

        Raises:
            ClusterError: It does not answer.
        """
        found = self._ask("processing", workers=None)
        return {worker: tuple(map(str, keys)) for worker, keys in found.items()}

    def _ask(self, what: str, **options: Any) -> Any:
        try:
            call = getattr(self.client.scheduler, what)
            return self.client.sync(call, callback_timeout=ANSWER_S, **options)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise self.gone() from error

    def gone(self) -> SchedulerLostError:
        """Say that the scheduler does not answer."""
        return SchedulerLostError(
            f"the scheduler {self.address} went away in the middle of the run; nothing was "
            "written; look at its log, start it, and run again"
        )

    def submit(
        self, task: Callable[..., Outcome], *arguments: Any, only_on: str | None = None
    ) -> Future[Outcome]:
        """Send a task.

        Args:
            task: Takes the name of the run, then the arguments.
            only_on: Address of the one worker that may run it.
        """
        future: Future[Outcome] = self.client.submit(
            task,
            self.name,
            *arguments,
            key=f"retinaface-{task.__name__}-{uuid.uuid4().hex}",
            resources=self.resources or None,
            workers=None if only_on is None else [only_on],
            pure=False,
        )
        return future

    def outcome(self, future: Future[Outcome], what: str, within_s: float = ANSWER_S) -> Any:
        """Give the value of a task that ended, or that ends soon.

        Args:
            what: For a person: what it worked on.

        Raises:
            ClusterError: Workers were lost on it, or the scheduler; or the worker has another
                version of the runtime than the first, or answered with something else.
            RetinaFaceError: What the task raised.
        """
        from distributed import KilledWorker

        from retinaface.cluster.worker import check_outcome

        if future.status in ("cancelled", "lost"):
            raise self.gone()
        try:
            outcome = future.result(timeout=within_s)
        except KilledWorker as error:
            raise ClusterError(
                f"{what}: every worker that ran this was lost, the last one "
                f"{error.last_worker.address}; look at its log: too little memory, or a crash of "
                "the runtime"
            ) from error
        except ImportError as error:
            raise ClusterError(
                f"a worker cannot import what it runs ({first_line(error)}); install the package "
                "in the environment of each worker"
            ) from error
        except (OSError, TimeoutError) as error:
            raise self.gone() from error
        check_outcome(outcome, what)
        if outcome.error is not None:
            raise outcome.error
        self._check_runtime(outcome)
        return outcome.value

    def _check_runtime(self, outcome: Outcome) -> None:
        from retinaface.cluster.versions import check_equal

        if outcome.runtime is None:
            return
        if self.runtime is None:
            self.runtime = outcome.worker, outcome.runtime
        first, runtime = self.runtime
        check_equal(
            {"the runtime": outcome.runtime},
            {"the runtime": runtime},
            where_one=f"on the worker {outcome.worker}",
            where_other=f"on {first}",
        )


@contextlib.contextmanager
def employ(client: Client, mission: Mission, resources: Mapping[str, float]) -> Iterator[Workers]:
    """Send what a run needs to all workers, present and future, until the block ends.

    Raises:
        ClusterError: No worker has the resources, or the workers cannot be prepared.
    """
    from retinaface.cluster.worker import EnginePlugin

    workers = Workers(client, f"retinaface-{uuid.uuid4().hex}", resources)
    if resources and not workers.addresses():
        wanted = ", ".join(f"{name}={n:g}" for name, n in resources.items())
        raise ClusterError(
            f"no worker of {workers.address} has the resources {wanted}; start one that has: "
            f"dask worker {workers.address} --resources '{wanted}'"
        )
    _register(client, EnginePlugin(mission), workers)
    try:
        yield workers
    finally:
        with contextlib.suppress(Exception):  # the scheduler, or a worker that hangs, may be gone
            call = getattr(client.scheduler, "unregister_worker_plugin")  # noqa: B009 - untyped
            client.sync(call, name=workers.name, callback_timeout=5)


def _register(client: Client, plugin: EnginePlugin, workers: Workers) -> None:
    """Send the plugin; again where a worker was lost meanwhile, for the scheduler then gives up."""
    for left in reversed(range(_TRIES)):
        try:
            client.register_plugin(plugin, name=workers.name)
            return
        except OSError as error:
            if not left:
                raise workers.gone() from error
            time.sleep(_LOOK_S)
        except Exception as error:  # what unpickling on a worker raised
            raise ClusterError(
                f"cannot prepare the workers of {workers.address} ({type(error).__name__}: "
                f"{first_line(error)}); install the same version of the package on each"
            ) from error


def introduce_all(workers: Workers) -> dict[str, dict[str, Any]]:
    """Open the engine on each worker that is there now; give its descriptions by worker.

    Raises:
        RetinaFaceError: A worker cannot: the message names it.
    """
    from retinaface.cluster.worker import introduce

    pending: dict[str, Future[Outcome]] = {}
    facts: dict[str, dict[str, Any]] = {}
    asked: set[str] = set()
    began = seen = time.monotonic()
    while pending or not facts:
        there, now = workers.addresses(), time.monotonic()
        for address in sorted(there - asked):
            pending[address] = workers.submit(introduce, only_on=address)
        asked |= there
        for address in [a for a, future in pending.items() if future.done()]:
            facts[address] = workers.outcome(pending.pop(address), f"opening the engine, {address}")
        pending = {a: future for a, future in pending.items() if a in there}
        seen = now if there else seen
        if now - seen > FIRST_WORKER_S or now - began > OPEN_S:
            raise ClusterError(
                f"no worker of {workers.address} opened the engine in {now - began:.0f} s; look at "
                "their logs"
            )
        time.sleep(_LOOK_S / 10)
    return facts
