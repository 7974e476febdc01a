"""Follow the command: what a worker of `local:N` loads first.

The terminal sends Ctrl-C to all processes at once, and the command stops its workers itself. Dask
ends a worker whose command was killed in a thread of Python, for which a runtime may leave no turn.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from retinaface.children.start import end_with_parent

if TYPE_CHECKING:
    from distributed import Worker


def dask_setup(worker: Worker) -> None:
    """Ignore interrupts in a worker's process, and end it with the command.

    Dask calls this by its name.
    """
    del worker
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
