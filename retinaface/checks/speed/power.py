"""What a gate of speed can see: the smallest slowdown that it calls nine times of ten.

Every gate of speed fails where the interval of a ratio lies wholly above a band, so its power
follows from the noise of the logarithm of that ratio alone, whoever measured it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retinaface.checks.intervals import CONFIDENCE, Interval
from retinaface.typing import FloatArray

# How often a slowdown is called that a gate claims to see.
POWER = 0.9
# The slowdown that a gate should see; it says what it would take where it does not.
WANTED = 1.15
# No plan is made for longer than so many times what was measured.
_MOST_TIMES = 10_000.0


@dataclass(frozen=True)
class Noise:
    """How uncertain the logarithm of a ratio of times is.

    Attributes:
        standard_error: What the interval was made of; falls as the root of the samples.
        fixed_error: The part of it that more samples of this run leave as it is: the baseline's.
        unseen_error: What moves the ratio from run to run and stands in no interval of one run.
        degrees_of_freedom: Of Student's t behind the interval; infinite for one of a bootstrap.
        confidence: Of the interval; 0 where the estimate alone was compared with the limit.
    """

    standard_error: float
    fixed_error: float = 0.0
    unseen_error: float = 0.0
    degrees_of_freedom: float = float("inf")
    confidence: float = CONFIDENCE

    def after(self, times: float) -> Noise:
        """Forecast the noise with so many times the samples of this run."""
        own = self.standard_error**2 - self.fixed_error**2
        freedom = (self.degrees_of_freedom + 1) * times - 1
        error = float(np.sqrt(max(own, 0.0) / times + self.fixed_error**2))
        return replace(self, standard_error=error, degrees_of_freedom=freedom)


def noise_of_ratios(ratios: FloatArray) -> Noise:
    """Read the noise of `mean_ratio_interval`.

    Args:
        ratios: (N,), N >= 2, > 0.
    """
    logs = np.log(ratios)
    error = float(logs.std(ddof=1) / np.sqrt(len(logs)))
    return Noise(error, degrees_of_freedom=len(logs) - 1)


def noise_of_interval(ratio: Interval, confidence: float = CONFIDENCE) -> Noise:
    """Read the noise from the ends of an interval of a ratio, as `ratio_interval` makes it."""
    from scipy.special import ndtri

    half = float(ndtri((1 + confidence) / 2))
    return Noise(float(np.log(ratio.high / ratio.low)) / (2 * half), confidence=confidence)


def smallest_slowdown(noise: Noise, band: float, power: float = POWER) -> float:
    """Find the smallest ratio of times that is called FAIL with a probability.

    With a standard error s that is estimated with f degrees of freedom, the interval's lower end
    lies above the band where a noncentral t of f degrees exceeds the t of the interval; u, which
    the interval does not know of, scales both. Solved for the noncentrality.

    Args:
        noise: Of the ratio's logarithm.
        band: How far above 1 the whole interval must lie.
        power: The probability.

    Returns:
        A ratio, at least 1 + band: 1.12 is a slowdown of 12 %.
    """
    from scipy.special import nctdtrinc, ndtri, stdtrit

    freedom, tail = noise.degrees_of_freedom, (1 + noise.confidence) / 2
    spread = float(np.hypot(noise.standard_error, noise.unseen_error))
    if spread == 0.0:
        return 1 + band
    share = noise.standard_error / spread
    if np.isinf(freedom):
        distance = float(share * ndtri(tail) + ndtri(power))
    else:
        distance = float(nctdtrinc(freedom, 1 - power, share * stdtrit(freedom, tail)))
    return float((1 + band) * np.exp(distance * spread))


def times_as_many(noise: Noise, band: float, wanted: float, power: float = POWER) -> float | None:
    """Find how many times the samples of this run would make it see a wanted slowdown.

    Args:
        noise: Of the ratio's logarithm.
        band: As for `smallest_slowdown`.
        wanted: Ratio that is to be called.
        power: How often.

    Returns:
        A factor, 1 where this run sees it already; None where no number of samples does, since the
        band or the noise between runs is wider.
    """

    def sees(times: float) -> bool:
        return smallest_slowdown(noise.after(times), band, power) <= wanted

    if sees(1.0):
        return 1.0
    if not sees(_MOST_TIMES):
        return None
    low, high = 1.0, _MOST_TIMES
    while high / low > 1.001:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if sees(middle) else (middle, high)
    return high


def smallest_slow_share(n: int, quantile: float, confidence: float, power: float = POWER) -> float:
    """Find the smallest share of slow calls that lifts the interval of a quantile among slow ones.

    The quantile of a resample is slow where at least m of its calls are, and k slow ones among n
    give a resample m of them with a binomial probability; so the lower end of the interval is slow
    from some k on, and k or more come with a binomial probability once more.

    Args:
        n: Calls.
        quantile: That is compared with the limit, as `numpy.quantile` computes it.
        confidence: Of its bootstrap interval.
        power: How often it is called.

    Returns:
        A fraction of the calls; 1 where n is too small for any.
    """
    from scipy.special import bdtr

    m = n - int(np.floor(quantile * (n - 1)))
    slow = np.arange(n + 1)
    is_called = bdtr(m - 1, n, slow / n) < (1 - confidence) / 2
    first = int(slow[is_called][0])  # of all calls slow, at the latest
    shares = np.linspace(0, 1, 1001)
    is_seen = 1 - bdtr(first - 1, n, shares) >= power
    return float(shares[is_seen][0])


def power_words(smallest: float) -> str:
    """Write `calls a slowdown of 12 % nine times of ten`."""
    return f"calls a slowdown of {percent(smallest)} nine times of ten"


def percent(ratio: float) -> str:
    """Write how much longer a ratio is, rounded up, so that nothing finer is promised."""
    return f"{np.ceil(1000 * (ratio - 1) - 1e-6) / 10:.3g} %"
