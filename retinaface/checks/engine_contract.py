"""Judge what the contract kit measures of an engine: differences, descriptions, memory.

Nothing here runs an engine. Outputs of one engine for one image may differ by no more than
`raw_outputs` allows between an engine and float64 torch: a batch of a different size may be summed
in a different order, no more than that.
"""

from __future__ import annotations

import ctypes
import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retinaface.environment import NO_VERSION
from retinaface.network.config import OUTPUT_NAMES
from retinaface.verdicts import Check, Verdict

if TYPE_CHECKING:
    from retinaface.network.outputs import RawOutputs

# Its sizes are in kB, whatever the size of a page (proc_pid_status(5)).
_STATUS = Path("/proc/self/status")
# `describe()` holds these, whatever the runtime.
KEYS = ("name", "device", "precision", "runtime", "build_s", "placement")
# Parts into which the runs of a memory check are divided; the median part counts.
N_PARTS = 10


@dataclass(frozen=True)
class Difference:
    """The largest difference between two sets of outputs, measured by what is allowed.

    Attributes:
        output: `loc`, `conf` or `landmarks`.
        index: Image, prior, value.
        allowed: Largest difference that this output may show.
    """

    output: str
    index: tuple[int, ...]
    actual: float
    expected: float
    allowed: float

    @property
    def size(self) -> float:
        """Compute the difference itself."""
        return abs(self.actual - self.expected)

    @property
    def is_allowed(self) -> bool:
        """Tell whether it is within the limit; a NaN is not."""
        return self.size <= self.allowed

    def __str__(self) -> str:
        return (
            f"largest difference {self.size:.3g} in {self.output} at (image, prior, value) "
            f"{self.index}: got {self.actual:.9g}, expected {self.expected:.9g}, allowed "
            f"{self.allowed:.3g}"
        )


def difference(
    actual: RawOutputs, expected: RawOutputs, allowed: Mapping[str, float]
) -> Difference:
    """Compare outputs of the same images.

    Args:
        actual: (N, P, 4), (N, P, 2), (N, P, 10).
        expected: The same shapes.
        allowed: By output, as `raw_outputs.largest_allowed` gives it.

    Returns:
        The largest as a share of what is allowed; a NaN counts as larger than any number.
    """
    found = []
    for name, ours, theirs in zip(OUTPUT_NAMES, actual, expected, strict=True):
        with np.errstate(invalid="ignore"):
            error = np.abs(ours - theirs)
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        where = tuple(int(i) for i in index)
        found.append(
            Difference(name, where, float(ours[index]), float(theirs[index]), allowed[name])
        )
    return max(found, key=lambda d: np.nan_to_num(d.size / d.allowed, nan=np.inf))


def check_same(
    name: str, actual: RawOutputs, expected: RawOutputs, allowed: Mapping[str, float]
) -> Check:
    """Judge outputs that must agree with those of other calls on the same images."""
    if shapes_of(actual) != shapes_of(expected):
        text = f"got shapes {shapes_of(actual)}, expected {shapes_of(expected)}"
        return Check(name, Verdict.FAIL, text)
    found = difference(actual, expected, allowed)
    verdict = Verdict.PASS if found.is_allowed else Verdict.FAIL
    text = "equal in every bit" if found.size == 0 else str(found)
    numbers = {"difference": found.size, "allowed": found.allowed}
    return Check(name, verdict, text, numbers, value=found.size, limit=found.allowed)


def check_different(name: str, rows: RawOutputs, allowed: Mapping[str, float]) -> Check:
    """Judge outputs of images that all differ: no two may be nearer than the limit of one.

    Without this check an engine that always gives the same answer would agree with itself.
    """
    loc = np.asarray(rows.loc, dtype=np.float32)
    for i in range(1, len(loc)):
        gaps = np.abs(loc[:i] - loc[i]).max(axis=(1, 2))  # (i,)
        j = int(np.argmin(gaps))
        if not gaps[j] > allowed["loc"]:
            text = (
                f"images {j} and {i} differ, but their loc differs by {gaps[j]:.3g} only, expected "
                f"more than {allowed['loc']:.3g}: it repeats an output or ignores its input"
            )
            return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, f"{len(loc)} images, no two with the same outputs")


def shapes_of(outputs: RawOutputs) -> list[tuple[int, ...]]:
    """Collect the shapes of the three arrays."""
    return [array.shape for array in outputs]


def description_problems(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Find what is wrong with two answers of `describe()`, with calls of `infer` between them."""
    problems = [f"no {key}" for key in KEYS if first.get(key) in (None, "", {})]
    try:
        json.dumps(first, allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(f"not JSON: {error}")
    runtime = str(first.get("runtime") or "")
    tells = any(character.isdigit() for character in runtime) or runtime.endswith(NO_VERSION)
    if runtime and not tells:
        problems.append(f"runtime is {runtime!r}, expected name and version, such as 'acme 2.1.0'")
    build_s = first.get("build_s")
    if build_s is not None and not (isinstance(build_s, (int, float)) and build_s > 0):
        problems.append(f"build_s is {build_s!r}, expected seconds, above 0")
    changed = [k for k in sorted({*first, *second}) if repr(first.get(k)) != repr(second.get(k))]
    problems += [
        f"{key} was {first.get(key)!r} and is {second.get(key)!r} after a call" for key in changed
    ]
    return problems


def resident_bytes(status: Path = _STATUS) -> int:
    """Measure how much of this process lies in RAM, once free memory went back to the system.

    Without that step, a leak of some MB hides in what the suites before it used and freed.

    Raises:
        OSError: This system does not tell it.
    """
    if not status.is_file():
        raise OSError(f"{status} is missing")
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim is not None:
        trim(0)
    for line in status.read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{status} has no VmRSS")


def growth_per_run(marks: Sequence[int], runs_per_part: int) -> float:
    """Find what a run leaves behind, in bytes: the median part, so that one step is no leak.

    Args:
        marks: Resident bytes before the first part, and after each.
        runs_per_part: Between two marks.
    """
    return float(np.median(np.diff(marks))) / runs_per_part


def measure_growth(run: Callable[[int], None], n_runs: int) -> tuple[float, int]:
    """Run something many times and watch the memory of this process.

    Args:
        run: Takes the number of the run.
        n_runs: A multiple of `N_PARTS`.

    Returns:
        Bytes that a run leaves behind, and that all of them left.
    """
    marks = [resident_bytes()]
    for i in range(n_runs):
        run(i)
        if (i + 1) % (n_runs // N_PARTS) == 0:
            marks.append(resident_bytes())
    return growth_per_run(marks, n_runs // N_PARTS), marks[-1] - marks[0]
