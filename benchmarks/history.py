"""Measure how long a folder of many records takes to list: read once, and from the index."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from retinaface.history.index import read_history
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from tests.support.histories import write_history


@dataclass(frozen=True)
class Measured:
    """Seconds; of the index, one for each turn.

    Attributes:
        cold_s: To read every record and make the index.
        warm_s: To list the runs when nothing changed.
        one_new_s: To list them when one record is new.
        told_s: To find lines and changes in what was listed.
        index_mib: Size of the index.
    """

    n_runs: int
    cold_s: float
    warm_s: list[float]
    one_new_s: list[float]
    told_s: float
    index_mib: float


def measure(folder: Path, n_runs: int, turns: int) -> Measured:
    """Write records of eight engines, and list them.

    Args:
        folder: An empty folder; the index lies in the cache, as ever.
    """
    n_each = n_runs // 8
    for i in range(8):
        values = [46.5 - 0.01 * (j % 3) for j in range(n_each)]
        write_history(folder, values, engine=f"engine{i}-cpu-fp32", first=i * n_each)
    cold_s = _seconds(lambda: read_history(folder))
    warm_s = [_seconds(lambda: read_history(folder)) for _ in range(turns)]
    one_new_s = []
    for turn in range(turns):
        write_history(folder, [46.5], first=8 * n_each + turn)
        one_new_s.append(_seconds(lambda: read_history(folder)))
    found = read_history(folder)
    told_s = _seconds(lambda: tell(found, lines_of(found.rows), None))
    size = found.index.stat().st_size if found.index else 0
    return Measured(8 * n_each, cold_s, warm_s, one_new_s, told_s, size / 2**20)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def section(measured: Measured) -> str:
    """Write the Markdown of one measurement."""
    warm, one_new = (
        f"**{median(values):.2f} s** ({min(values):.2f} to {max(values):.2f}, {len(values)} turns)"
        for values in (measured.warm_s, measured.one_new_s)
    )
    return (
        f"{measured.n_runs} records: {warm} when nothing changed, {one_new} when one is new, "
        f"{measured.cold_s:.1f} s for the first time; lines and changes take another "
        f"{measured.told_s:.2f} s. The index has {measured.index_mib:.1f} MiB.\n"
    )
