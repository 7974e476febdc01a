"""Connect to a Dask scheduler, or start workers on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from retinaface.errors import ClusterError, first_line

if TYPE_CHECKING:
    from distributed import Client

# A scheduler that is there answers in milliseconds; workers of a batch system come later.
CONNECT_S = 10
FIRST_WORKER_S = 60
MAX_LOCAL = 256
# A task that ends so many workers of this machine is not tried again.
_DEATHS = 3
_LOOPBACK = "127.0.0.1"
# Dask has its workers give freed memory back at once. Every image then asks for new pages, which
# takes a third of the time (docs/scaling.md).
_TRIM = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
_LOCAL = re.compile(r"local:([1-9][0-9]{0,2})")
_ADDRESS = re.compile(r"(tcp|tls)://(\S+):([0-9]{1,5})")
_EXPECTED = "expected tcp://HOST:PORT, tls://HOST:PORT, or local:N for N workers on this machine"


def n_local(scheduler: str) -> int | None:
    """Give the number of workers of `local:N`; None for the address of a scheduler.

    Raises:
        ClusterError: It is neither.
    """
    if found := _LOCAL.fullmatch(scheduler):
        if (n := int(found[1])) <= MAX_LOCAL:
            return n
        raise ClusterError(f"--scheduler {scheduler}: expected at most {MAX_LOCAL} local workers")
    if not _ADDRESS.fullmatch(scheduler):
        raise ClusterError(f"--scheduler {scheduler!r} is not an address; {_EXPECTED}")
    return None


@contextlib.contextmanager
def connect(scheduler: str) -> Iterator[Client]:
    """Connect to a scheduler that has a worker; workers of `local:N` live as long as the block.

    Log lines of `distributed` are not shown: what goes wrong reaches the caller as an exception.

    Args:
        scheduler: `tcp://HOST:PORT`, `tls://HOST:PORT` (keys as Dask's configuration names them),
            or `local:N` for N processes on this machine.

    Raises:
        ClusterError: The scheduler does not answer, it has no worker, or `distributed` is missing.
    """
    n = n_local(scheduler)
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ClusterError(
            f"--scheduler {scheduler} needs the package distributed, which cannot be imported "
            f"({first_line(error)}); install the extra 'dask': pip install 'retinaface[dask]'"
        ) from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        # So many messages, each with the faces of a shard, are kept for whoever debugs Dask: 1000
        # by default, which would take as much memory as 250 000 images' results.
        stack.enter_context(dask.config.set({"distributed.admin.low-level-log-length": 16}))
        try:
            if n is None:
                _knock(scheduler)
            address: Any = stack.enter_context(_local_cluster(n)) if n else scheduler
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TypeError, ValueError, OverflowError) as error:  # TypeError: no TLS keys
            raise ClusterError(
                f"cannot connect to the scheduler {scheduler}: {first_line(error)}; start one "
                "there (dask scheduler), or check host and port"
            ) from error
        stack.callback(_close, client)
        try:
            client.wait_for_workers(n or 1, timeout=FIRST_WORKER_S)
        except TimeoutError as error:
            raise ClusterError(
                f"the scheduler {scheduler} had no worker for {FIRST_WORKER_S} s; start one: "
                f"dask worker {scheduler}"
            ) from error
        yield client


def _knock(scheduler: str) -> None:
    """Raise an OSError unless a scheduler answers; a client that never connects cannot be closed.

    Raises:
        TypeError: The keys of `tls://` are not configured.
    """
    from distributed import Security
    from distributed.comm.core import connect as shake_hands

    host, _, port = scheduler.partition("://")[2].rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S):
        pass  # a closed port is known at once

    async def knock() -> None:
        keys = Security().get_connection_args("client")
        comm = await shake_hands(scheduler, timeout=CONNECT_S, **keys)
        comm.abort()

    try:
        asyncio.run(asyncio.wait_for(knock(), CONNECT_S))
    except asyncio.TimeoutError as error:
        raise OSError(f"what listens there gave no answer for {CONNECT_S} s") from error


@contextlib.contextmanager
def _local_cluster(n: int) -> Iterator[Any]:
    """Start workers in processes of their own, one thread each, that only this machine reaches."""
    import dask
    from distributed import LocalCluster

    try:
        with dask.config.set({_TRIM: None}):
            cluster = LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                host=_LOOPBACK,
                dashboard_address=f"{_LOOPBACK}:0",
                silence_logs=logging.CRITICAL,
                preload=["retinaface.cluster.interrupts"],
                scheduler_kwargs={"allowed_failures": _DEATHS - 1},
            )
    except (OSError, RuntimeError) as error:
        raise ClusterError(
            f"cannot start {n} workers on this machine: {first_line(error)}; try fewer, local:1"
        ) from error
    try:
        yield cluster
    finally:
        cluster.close()


def _close(client: Client) -> None:
    """Close a client, whose scheduler may be gone."""
    with contextlib.suppress(OSError, TimeoutError):
        client.close(timeout=CONNECT_S)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log lines of `distributed` and what it runs on from the terminal."""
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] in _TALKERS]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


_TALKERS = ("distributed", "tornado", "bokeh")
