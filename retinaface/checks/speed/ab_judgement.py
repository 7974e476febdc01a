"""Is B slower than A: a session of turns judged by its own noise, and how sure that is.

A session says no more than its noise lets it. What equal builds differ by sets the band around 1;
the noise and the band together set the smallest slowdown that would be seen; and where that is more
than somebody wants to see, nothing passes: more starts are needed, and it is said how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retinaface.checks.intervals import CONFIDENCE, Interval, mean_ratio_interval
from retinaface.checks.speed.ab import AGAIN, B, Timings
from retinaface.checks.speed.power import (
    Noise,
    noise_of_ratios,
    percent,
    power_words,
    smallest_slowdown,
)
from retinaface.typing import FloatArray
from retinaface.verdicts import Check, Verdict, is_faster, judge_time_ratio

# Below this no difference counts, however quiet the machine.
SMALLEST_EFFECT = 0.02
# A PASS must have seen so small a slowdown, nine times of ten. Two runs without turns see 15 %
# (`gate.UNKNOWN_NOISE`); turns that do not see a tenth are not worth their time.
WANTED_EFFECT = 0.10
# No longer session is proposed; on a CPU it takes hours.
MOST_STARTS = 1000
_UNIT = "times as long as A"


def judge_speed(timings: Timings, wanted_effect: float = WANTED_EFFECT) -> Check:
    """Compare B with A in the light of what A again showed.

    FAIL: slower, the whole interval beyond the band. PASS: no slower than the band, by a session
    that would have seen the wanted effect; or faster beyond the band. INCONCLUSIVE otherwise.

    Args:
        timings: Of two starts or more.
        wanted_effect: The slowdown that a PASS rules out: 0.1 is ten percent.
    """
    ratio, noise = (mean_ratio_interval(timings.ratios(side)) for side in (B, AGAIN))
    band = noise_band(timings)
    noises = [noise_of_ratios(timings.ratios(side)) for side in (B, AGAIN)]
    smallest = _smallest(noises, band)
    is_blind = smallest > 1 + wanted_effect
    verdict = judge_time_ratio(ratio.low, ratio.high, band)
    faster = is_faster(ratio.high, band)
    if verdict is Verdict.PASS and is_blind and not faster:
        verdict = Verdict.INCONCLUSIVE
    needed = starts_needed(timings, wanted_effect) if verdict is Verdict.INCONCLUSIVE else None
    n_starts = len(timings.ratios(B))
    if verdict is Verdict.FAIL:
        words = "slower, by more than the noise of this session"
    elif faster:
        words = "faster, by more than the noise of this session"
    elif verdict is Verdict.PASS:
        words = "no slower than the noise of this session explains"
    else:
        wanted = f"a slowdown of {percent(1 + wanted_effect)}"
        words = f"too noisy to see {wanted}" if is_blind else "cannot be told from the noise"
        words += f"; {_more_starts(n_starts, needed, is_blind=is_blind)}"
    text = (
        f"B takes {interval_words(ratio)} times as long as A: {words} (noise +-{band:.1%}; "
        f"A again: {interval_words(noise)}; this session {power_words(smallest)})"
    )
    numbers = {
        "ratio": ratio.estimate,
        "low": ratio.low,
        "high": ratio.high,
        "band": band,
        "noise": vars(noise),
        "power": smallest,
        "wanted": 1 + wanted_effect,
        "starts": n_starts,
        "starts_needed": needed,
    }
    name = "time of B over time of A"
    return Check(name, verdict, text, numbers, value=ratio.estimate, limit=1 + band, unit=_UNIT)


def noise_band(timings: Timings) -> float:
    """Find how far from 1 a ratio may lie before it counts.

    As far as the interval of A again reaches, and so far that a B of the same noise that is equal
    to A lies inside it nine times of ten. It shrinks as starts are added.
    """
    again = timings.ratios(AGAIN)
    return _band(mean_ratio_interval(again), noise_of_ratios(again))


def _band(again: Interval, noise: Noise) -> float:
    reach = max(again.high, 1 / again.low, smallest_slowdown(noise, band=0.0))
    return max(SMALLEST_EFFECT, reach - 1)


def _smallest(noises: Sequence[Noise], band: float) -> float:
    """Find the slowdown that such a session calls nine times of ten, its band being a guess too.

    Of two guesses of one noise the larger, since B is a build like A until it is shown not to be.
    With f degrees of freedom a standard deviation, and the band that is a multiple of it, is off by
    one part in the root of 2 f; a simulation of whole sessions agrees within 5 %.

    Args:
        noises: Of B, and of A again.
        band: Of the session.
    """
    louder = max(noises, key=lambda noise: noise.standard_error)
    is_guessed = band > SMALLEST_EFFECT
    wobble = np.log1p(band) / np.sqrt(2 * louder.degrees_of_freedom) if is_guessed else 0.0
    return smallest_slowdown(replace(louder, unseen_error=float(wobble)), band)


def starts_needed(timings: Timings, wanted_effect: float = WANTED_EFFECT) -> int | None:
    """Forecast how many starts would decide, were ratios to spread as they did here.

    A session that is blind to the wanted effect needs as many as see it; what A again is off by is
    noise and goes away. One that sees it needs as many as bring its interval off the limit.

    Args:
        timings: As measured.
        wanted_effect: As for `judge_speed`.

    Returns:
        A number above that of this session; None where even `MOST_STARTS` would not.
    """
    again, ratios = timings.ratios(AGAIN), timings.ratios(B)
    noises = noise_of_ratios(ratios), noise_of_ratios(again)
    is_blind = _smallest(noises, noise_band(timings)) > 1 + wanted_effect

    def decides(n: int) -> bool:
        again_then, noise_of_again = _forecast(again, n, middle=0.0)
        ratio, noise = _forecast(ratios, n, middle=float(np.log(ratios).mean()))
        band = _band(again_then, noise_of_again)
        if is_blind:
            return _smallest([noise, noise_of_again], band) <= 1 + wanted_effect
        return judge_time_ratio(ratio.low, ratio.high, band) is not Verdict.INCONCLUSIVE

    n_starts = len(ratios)
    if n_starts >= MOST_STARTS or not decides(MOST_STARTS):
        return None
    too_few, enough = n_starts, MOST_STARTS
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if decides(middle) else (middle, enough)
    return enough


def _forecast(ratios: FloatArray, n_starts: int, middle: float) -> tuple[Interval, Noise]:
    """Interval around `middle`, of logarithms, and noise after so many starts."""
    from scipy.special import stdtrit

    noise = noise_of_ratios(ratios).after(n_starts / len(ratios))
    half = float(stdtrit(n_starts - 1, (1 + CONFIDENCE) / 2)) * noise.standard_error
    low, estimate, high = (float(np.exp(middle + x)) for x in (-half, 0.0, half))
    return Interval(estimate, low, high), noise


def _more_starts(n_starts: int, needed: int | None, *, is_blind: bool) -> str:
    if needed is not None:
        return f"--starts {needed} would decide, as far as these {n_starts} tell"
    why = "the machine is too noisy" if is_blind else "it lies at the limit itself"
    return f"not even --starts {MOST_STARTS} would decide, since {why}"


def interval_words(ratio: Interval) -> str:
    """Estimate and interval."""
    return f"{ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}, {CONFIDENCE:.0%}]"
