"""Who may call an engine now: runtimes take so many calls at a time, and users do not count."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Lets a number of calls in at a time; further ones wait."""

    def __init__(self) -> None:
        """Start with nobody in."""
        self._n_inside, self._left = 0, threading.Condition()

    @contextlib.contextmanager
    def take(self, n_at_a_time: int) -> Iterator[None]:
        """Wait until fewer than `n_at_a_time` are in, and be in until the block ends."""
        with self._left:
            self._left.wait_for(lambda: self._n_inside < n_at_a_time)
            self._n_inside += 1
        try:
            yield
        finally:
            with self._left:
                self._n_inside -= 1
                self._left.notify()
