"""Leave Ctrl-C to the command: what a worker of `local:N` loads first.

The terminal sends it to all processes at once, and the command stops its workers itself.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker


def dask_setup(worker: Worker) -> None:
    """Ignore interrupts in a worker's process; Dask calls this by its name."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
