"""List the workers of a cluster: where they are, and what they declared to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

# A scheduler answers in milliseconds, also one that is busy.
_ANSWER_S = 30


@dataclass(frozen=True)
class Worker:
    """A worker as the scheduler describes it."""

    address: str
    machine: str
    resources: dict[str, float]

    def has(self, needs: Mapping[str, float]) -> bool:
        """Tell whether it declared what a target needs."""
        return all(self.resources.get(name, 0) >= value for name, value in needs.items())


def list_workers(client: Client) -> list[Worker] | None:
    """List the workers; None where the scheduler does not answer.

    `client.scheduler_info` is not asked: now and then it gives what another thread of the client
    keeps, which names no worker.
    """
    if client.status != "running":
        return None
    try:
        scheduler: Any = client.scheduler
        answer = client.sync(scheduler.identity, n_workers=-1, callback_timeout=_ANSWER_S)
    except (OSError, TimeoutError):
        return None
    return [
        Worker(address, str(facts["host"]), dict(facts.get("resources", {})))
        for address, facts in answer["workers"].items()
    ]
