"""Find where the level of a series changed: PELT, with a penalty that noise alone rarely passes.

The noise is read from differences of neighbours, which a step hardly touches, and a value far from
its neighbours on both sides is pulled to them: one odd run is no new level. `ruptures` then splits
the series where that explains more than the penalty (Killick, Fearnhead & Eckley 2012, squares).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from retinaface.checks.intervals import CONFIDENCE, Interval
from retinaface.errors import RetinaFaceError
from retinaface.typing import FloatArray

# A level is what this many runs have in common; fewer are judged as runs, not as a level.
LEAST_LEVEL = 3
# Below two levels there is nothing to find.
LEAST_RUNS = 2 * LEAST_LEVEL
# Only the newest are searched: the search takes the square of their number.
MOST_RUNS = 400
# A series of nothing but noise shows a change in this share of the cases, at most.
FALSE_ALARMS = 0.01
# By number of values, the gain in squared noise that FALSE_ALARMS of 20 000 series of Gaussian
# noise pass; of few values the noise itself is not known well. `tests` simulate it again.
_PENALTIES = (
    *((6, 18.0), (8, 25.0), (10, 24.0), (15, 21.5), (20, 20.0)),
    *((30, 18.5), (50, 16.5), (100, 15.0), (200, 14.5), (400, 14.5)),
)
# Differences of neighbours that are smaller than the smallest effect by this factor are no noise to
# measure by: equal builds give equal AP, digit by digit.
_LEAST_NOISE = 1 / 5
# Standard deviations over the median of absolute values, of Gaussian noise.
OF_MEDIAN = 1.4826
# How far, in noise, a value may lie from the median of itself and two neighbours on each side; at
# an end, of the five values there, so that two odd runs are no level yet.
_FAR = 3.0
_NEIGHBOURS = 2


class HistoryError(RetinaFaceError, ImportError):
    """The library that finds change points is not installed."""


@dataclass(frozen=True)
class Step:
    """A change of level.

    Attributes:
        first: Position of the first value of the new level.
        change: New level minus old one, with its interval.
    """

    first: int
    change: Interval


def find_steps(values: FloatArray, smallest: float) -> list[Step]:
    """Find changes of level that exceed the smallest effect.

    Args:
        values: (N,) finite, in the order of time, N >= `LEAST_RUNS`.
        smallest: The smallest change that counts, in the unit of `values`, > 0.

    Raises:
        ValueError: There are too few values.
        HistoryError: `ruptures` is not installed.
    """
    if len(values) < LEAST_RUNS:
        raise ValueError(f"find_steps: expected {LEAST_RUNS} values or more, got {len(values)}")
    offset = max(0, len(values) - MOST_RUNS)
    tame, noise = tame_outliers(values[offset:], smallest * _LEAST_NOISE)
    ends = _ends(tame / noise, penalty(len(tame)))
    # A step too small to count is taken back before its neighbours are measured.
    while True:
        levels = [tame[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        changes = [_difference(*both) for both in itertools.pairwise(levels)]
        sizes = [abs(change.estimate) for change in changes]
        if not sizes or min(sizes) > smallest:
            break
        del ends[int(np.argmin(sizes))]
    return [Step(offset + end, change) for end, change in zip(ends, changes, strict=False)]


def tame_outliers(values: FloatArray, least_noise: float) -> tuple[FloatArray, float]:
    """Pull values that stand alone to their neighbours.

    Args:
        values: (N,) in the order of time, N >= 5.
        least_noise: Is taken where the values show less, > 0.

    Returns:
        (N,) values, and the standard deviation of their noise.
    """
    jumps = np.abs(np.diff(values))
    noise = max(least_noise, float(OF_MEDIAN * np.median(jumps) / np.sqrt(2)))
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * _NEIGHBOURS + 1)
    middle = np.pad(np.median(windows, axis=1), _NEIGHBOURS, mode="edge")
    return np.clip(values, middle - _FAR * noise, middle + _FAR * noise), noise


def penalty(n: int) -> float:
    """Give what a change must explain, in squared noise, among `n` values."""
    sizes, gains = zip(*_PENALTIES, strict=True)
    return float(np.interp(np.log(n), np.log(sizes), gains))


def _ends(values: FloatArray, needed: float) -> list[int]:
    """Split into levels; give the end of each, the last is the number of values."""
    try:
        from ruptures import KernelCPD
    except ImportError as error:
        raise HistoryError(
            f"change points need {error.name}, which is not installed; install the extra "
            "'report': pip install -e \".[report]\""
        ) from error
    search = KernelCPD(kernel="linear", min_size=LEAST_LEVEL).fit(values[:, None])
    return [int(end) for end in search.predict(pen=needed)]


def _difference(old: FloatArray, new: FloatArray) -> Interval:
    """Compute the difference of two levels with Student's interval of equal spreads."""
    from scipy.special import stdtrit

    estimate = float(new.mean() - old.mean())
    free = len(old) + len(new) - 2
    squares = float(((old - old.mean()) ** 2).sum() + ((new - new.mean()) ** 2).sum())
    error = np.sqrt(squares / free * (1 / len(old) + 1 / len(new)))
    half = float(stdtrit(free, (1 + CONFIDENCE) / 2) * error)
    return Interval(estimate, estimate - half, estimate + half)
