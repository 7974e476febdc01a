"""Lock a file without waiting; the system releases the lock of a process however that ends.

The package waits for locks by `filelock`. This one needs nothing: a worker on a board has NumPy
alone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def try_lock(path: Path, *, is_sure: bool = False) -> int | None:
    """Make a file if there is none, and lock it.

    Args:
        is_sure: Whether a file system without locks counts as one where another holder has it; else
            this process is taken to be alone there.

    Returns:
        A descriptor that holds the lock until it is closed; None where another holder has it.

    Raises:
        OSError: The file cannot be opened, or is a link.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        if is_sure:
            os.close(lock)
            return None
    return lock
