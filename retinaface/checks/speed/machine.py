"""What the machine did while calls were timed: fixed work between them tells it from the engine.

The work takes no memory and no library of its own threads, so it leaves caches as they are, and its
time hangs on the processors alone: their clocks, and who else wanted them.
"""

from __future__ import annotations

import hashlib
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from types import TracebackType

import numpy as np

from retinaface.environment import n_usable_cpus

# The work before a call takes about as long as the call, between these: what meets one in ten calls
# meets it too.
_LEAST_WORK_S, _MOST_WORK_S = 0.001, 0.01
_CALIBRATION = 2000
# Beyond these the machine may have done what an engine is blamed for. Two cores that had nothing
# else to do showed up to 2.3 %, 1.04 and (their scheduler's own limit) 6 %; busy ones 16 % taken
# and more.
MOST_DRIFT = 0.06
MOST_TAIL = 1.3
MOST_TAKEN = 0.08


@dataclass(frozen=True)
class MachineNoise:
    """How steady fixed work was.

    Attributes:
        drift: Its median in the last third of the run over that in the first.
        tail: What nine tenths of it took at most, over the median.
        taken: Share of its time in which its threads waited for a processor.
    """

    drift: float
    tail: float
    taken: float

    def problems(self) -> list[str]:
        """Say what was not steady, in words; empty on a quiet machine."""
        found = []
        if not self.taken <= MOST_TAKEN:
            found.append(f"other processes took {self.taken:.0%} of the time of fixed work")
        if not self.tail <= MOST_TAIL:
            found.append(
                f"a tenth of the fixed work took {self.tail:.2f} times its median and longer"
            )
        if not 1 / (1 + MOST_DRIFT) <= self.drift <= 1 + MOST_DRIFT:
            found.append(
                f"fixed work took {self.drift:.2f} times as long at the end as at the start"
            )
        return found

    def excuse(self) -> str:
        """Say why nothing is blamed on the engine; empty on a quiet machine."""
        if not (problems := self.problems()):
            return ""
        return (
            f"the machine was not quiet ({'; '.join(problems)}): stop what else runs on it and "
            "run again"
        )

    def as_json(self) -> dict[str, float]:
        """Give the figures for a record."""
        return asdict(self)


class FixedWork:
    """Does the same work between timed calls, on as many processors as the calls can use.

    Attributes:
        seconds: How long the work took each time.
    """

    def __init__(self, device: str, call_s: float) -> None:
        """Choose how much work.

        Args:
            device: Of the engine: on an accelerator its call needs one processor.
            call_s: How long a call takes, about.
        """
        self._n_threads = n_usable_cpus() if device == "cpu" else 1
        rate = min(_seconds_of(_CALIBRATION)[0] for _ in range(3)) / _CALIBRATION
        wanted_s = float(np.clip(call_s, _LEAST_WORK_S, _MOST_WORK_S))
        self._amount = max(1, round(wanted_s / rate))
        self._pool = ThreadPoolExecutor(self._n_threads)
        self._in_all_s = self._on_processor_s = 0.0
        self.seconds: array[float] = array("d")

    def do(self) -> None:
        """Do the work once, and keep how long it took."""
        started = time.perf_counter()
        done = list(self._pool.map(_seconds_of, [self._amount] * self._n_threads))
        self.seconds.append(time.perf_counter() - started)
        self._in_all_s += sum(wall_s for wall_s, _ in done)
        self._on_processor_s += sum(cpu_s for _, cpu_s in done)

    def noise(self) -> MachineNoise:
        """Judge how steady the work was so far; it was done at least once."""
        seconds = np.asarray(self.seconds)
        third = max(1, len(seconds) // 3)
        median = float(np.median(seconds))
        return MachineNoise(
            drift=float(np.median(seconds[-third:]) / np.median(seconds[:third])),
            tail=float(np.quantile(seconds, 0.9)) / median,
            taken=max(0.0, 1 - self._on_processor_s / self._in_all_s),
        )

    def __enter__(self) -> FixedWork:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()


def _seconds_of(amount: int) -> tuple[float, float]:
    """Hash a password so many times, without Python's lock: by the clock, and on a processor."""
    started, started_cpu = time.perf_counter(), time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"fixed work", b"sixteen bytes ok", amount)
    return time.perf_counter() - started, time.thread_time() - started_cpu
