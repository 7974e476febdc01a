"""The mean of offsets with its interval, where those of one image go together and few lie far."""

from __future__ import annotations

import numpy as np

from retinaface.checks.intervals import Interval
from retinaface.typing import FloatArray, IntArray


def drawn_in(values: FloatArray, reach: FloatArray) -> FloatArray:
    """Draw what lies far from the median in: of two boxes of one score the other may be kept.

    Such a pair is a box of another prior, many times farther off than rounding moves one, in any
    direction; a shift of all values leaves it as far from the median as it was.

    Args:
        values: (M, Q), M > 0.
        reach: (M, Q): how far from the median of its column a value may lie.
    """
    median = np.median(values, axis=0)
    return np.asarray(median + np.clip(values - median, -reach, reach))


def clustered_means(
    values: FloatArray, clusters: IntArray, confidence: float
) -> tuple[list[Interval], int]:
    """Interval of the mean of each column, where values of one cluster are correlated.

    Standard errors robust to clusters, Student's t with a degree of freedom less than there are
    clusters (Cameron & Miller 2015, sections II.B and VI.D). One cluster alone says nothing of
    others: the interval is then what its values and 0 span.

    Args:
        values: (M, Q), M > 0.
        clusters: (M,) of each row, in rising order.
        confidence: Of each interval.

    Returns:
        The intervals, one for each column, and the number of clusters.
    """
    mean = values.mean(axis=0)
    starts = np.flatnonzero(np.diff(clusters, prepend=clusters[0] - 1))
    n = len(starts)
    if n == 1:
        low, high = np.minimum(values.min(axis=0), 0.0), np.maximum(values.max(axis=0), 0.0)
    else:
        from scipy.special import stdtrit  # here: it takes longer to import than all else

        sums = np.add.reduceat(values - mean, starts, axis=0)  # (clusters, Q)
        error = np.sqrt((sums**2).sum(axis=0) * n / (n - 1)) / len(values)
        half = stdtrit(n - 1, (1 + confidence) / 2) * error
        low, high = mean - half, mean + half
    ends = zip(mean.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Interval(*three) for three in ends], n
