"""What other processes take of the processors while this one is timed."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
# Columns of a line of /proc/stat, in ticks: see proc(5). Time that the hypervisor took counts as
# busy; guests are counted in user and nice.
_IDLE, _IOWAIT, _LAST = 3, 4, 8


class OthersMeanwhile:
    """The share of this process's processors that others took since it was made."""

    def __init__(self, stat: Path = STAT) -> None:
        """Start to count.

        Args:
            stat: Where the system counts the ticks of each processor.
        """
        self._stat = stat
        self._started = self._counts()

    def share(self) -> float | None:
        """Give the share so far: 0 to 1; None where the system does not tell.

        What is neither idle nor was worked by this process, threads included, was taken by others,
        processes that it started among them.
        """
        ended = self._counts()
        if self._started is None or ended is None:
            return None
        busy_s, all_s, own_s = (b - a for a, b in zip(self._started, ended, strict=True))
        if all_s <= 0:
            return None  # less than a tick
        return min(max((busy_s - own_s) / all_s, 0.0), 1.0)

    def _counts(self) -> tuple[float, float, float] | None:
        """Read seconds of processors that were busy, all of theirs, and those of this process."""
        try:
            lines = self._stat.read_text(encoding="ascii").splitlines()
            names = {f"cpu{n}" for n in os.sched_getaffinity(0)}
            tick_s = 1 / os.sysconf("SC_CLK_TCK")
        except (OSError, AttributeError):  # AttributeError: no such call outside Linux
            return None
        busy = everything = 0
        for name, *columns in map(str.split, lines):
            if name in names:
                ticks = [int(column) for column in columns[:_LAST]]
                everything += sum(ticks)
                busy += sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]
        return busy * tick_s, everything * tick_s, time.process_time()
