"""Find by how much a figure moved over a run, with an interval, whatever single samples do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retinaface.checks.intervals import CONFIDENCE, Interval, in_blocks

# Fewer samples tell nothing of a run's course.
LEAST_SAMPLES = 12
# Medians of so many blocks stand for a long run: slopes of all pairs are looked at.
_MOST_BLOCKS = 200


def growth(at_s: Sequence[float], values: Sequence[float]) -> Interval:
    """Compute by how much a figure grows from the first sample to the last, along a line.

    The slope is the median of those of all pairs of samples (Theil and Sen), which three samples of
    ten cannot move, nor one step at the beginning; its interval is that of Sen (1968).

    Args:
        at_s: (N,) when each was taken, rising; N from `LEAST_SAMPLES`.
        values: (N,), of any unit.

    Returns:
        The growth over the whole run, in the unit of the values.
    """
    from scipy.stats import theilslopes

    times, figures = (in_blocks(np.asarray(x, np.float64), _MOST_BLOCKS) for x in (at_s, values))
    slope, _, low, high = theilslopes(figures, times, alpha=CONFIDENCE)
    whole_s = float(at_s[-1] - at_s[0])
    return Interval(*(float(one) * whole_s for one in (slope, low, high)))


def thirds(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the median of each third of a run."""
    first, middle, last = np.array_split(np.asarray(values, np.float64), 3)
    return float(np.median(first)), float(np.median(middle)), float(np.median(last))
