"""Judge timings by baselines, in the light of the noise of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from retinaface.baselines.entries import Entry
from retinaface.checks.intervals import CONFIDENCE, Interval, ratio_interval
from retinaface.checks.speed.machine import MachineNoise
from retinaface.checks.speed.power import (
    WANTED,
    Noise,
    noise_of_interval,
    percent,
    power_words,
    smallest_slowdown,
    times_as_many,
)
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check, Verdict, is_faster, judge_time_ratio

# How much two runs of one build differ on one device; accepting more runs narrows or widens it.
UNKNOWN_NOISE = 0.15
LEAST_NOISE = 0.05
# Two busy processes on two processors made calls up to 6 times as long; no machine that answers at
# all explains more than this.
MOST_EXCUSED = 10.0
# A time, divided by that of the baseline.
TIMES_BASELINE = "times the baseline"


def check_speed(
    entry: Entry,
    figures: dict[str, Any],
    n_images: int | None,
    machine: MachineNoise | None = None,
) -> Check:
    """Compare a timing with a baseline: by a threshold, or by a ratio with its interval.

    Args:
        entry: Of the same device, batch and what is timed.
        figures: What `summarise` gave.
        n_images: In each call.
        machine: What the machine did meanwhile: on one that was not quiet nothing is called slower.
    """
    name = f"against {entry}"
    band = float(entry.data["tolerance"]["relative"])
    runs = entry.data.get("samples_s")
    if not runs:
        return _excused(_check_threshold(name, entry, figures, band, n_images), machine)
    baseline = np.concatenate([np.asarray(run) for run in runs])
    samples = np.asarray(figures["samples_s"])
    ratio = ratio_interval(baseline, samples)
    noise = _noise(ratio, baseline, runs)
    smallest = smallest_slowdown(noise, band)
    text = (
        f"{ratio.estimate:.3f} times as long as the baseline ({figures['median_s'] * 1e3:.3f} ms, "
        f"baseline {np.median(baseline) * 1e3:.3f} ms over {len(runs)} runs), {CONFIDENCE:.0%} "
        f"interval [{ratio.low:.3f}, {ratio.high:.3f}], noise of this device +-{band:.0%}; "
        f"{power_words(smallest)}"
    )
    if is_faster(ratio.high, band):
        text += "; faster than the noise explains: accept it, if you know why"
    verdict = judge_time_ratio(ratio.low, ratio.high, band)
    if verdict is Verdict.INCONCLUSIVE:
        text += f"; {_to_see_more(times_as_many(noise, band, WANTED), len(samples))}"
    numbers = {
        "ratio": ratio.estimate,
        "low": ratio.low,
        "high": ratio.high,
        "band": band,
        "smallest_slowdown": smallest,
    }
    return _excused(_check_ratio(name, verdict, text, numbers, ratio.estimate, 1 + band), machine)


def _check_ratio(
    name: str, verdict: Verdict, text: str, numbers: dict[str, Any], ratio: float, limit: float
) -> Check:
    unit = TIMES_BASELINE
    return Check(name, verdict, text, numbers, value=ratio, limit=limit, unit=unit, rest=1.0)


def _noise(ratio: Interval, baseline: FloatArray, runs: Sequence[Sequence[float]]) -> Noise:
    """Split the noise of a ratio: the baseline's part stays, and runs differ by more than calls."""
    fixed = noise_of_interval(ratio_interval(np.ones(1), baseline)).standard_error
    unseen = 0.0
    if len(runs) > 1:  # of one run how much runs differ is not known; its band is wide
        medians = np.log([np.median(run) for run in runs])
        unseen = float(medians.std(ddof=1) * np.sqrt(1 + 1 / len(runs)))
    noise = noise_of_interval(ratio)
    return replace(noise, fixed_error=min(fixed, noise.standard_error), unseen_error=unseen)


def _to_see_more(times: float | None, n: int) -> str:
    if times is None:
        return (
            f"no number of calls would call {percent(WANTED)}: runs of the baseline differ by too "
            "much; accept it anew on a quiet machine"
        )
    return f"{int(np.ceil(times * n))} calls would call {percent(WANTED)}; run again"


def _excused(check: Check, machine: MachineNoise | None) -> Check:
    """Blame no slowdown on an engine whose machine was not quiet."""
    if machine is None or check.verdict is Verdict.PASS or not (excuse := machine.excuse()):
        return check
    if check.value is not None and check.value > MOST_EXCUSED:
        return check
    text = f"{check.message}; {excuse}"
    return replace(check, verdict=Verdict.INCONCLUSIVE, message=text)


def _check_threshold(
    name: str, entry: Entry, figures: dict[str, Any], band: float, n_images: int | None
) -> Check:
    value, unit = float(entry.data["value"]), entry.data["unit"]
    if unit == "images/s" and n_images is not None:
        found, least = n_images / figures["median_s"], value * (1 - band)
        is_fine = found >= least
        text = f"{found:.1f} images/s, published {value:.1f}, at least {least:.1f}"
        ratio, limit = value / found, 1 / (1 - band)
    else:
        found, most = figures["median_s"], value * (1 + band)
        is_fine = found <= most
        text = f"{found:.4g} s, published {value:.4g}, at most {most:.4g}"
        ratio, limit = found / value, 1 + band
    verdict = Verdict.PASS if is_fine else Verdict.FAIL
    samples = np.asarray(figures["samples_s"])
    error = noise_of_interval(ratio_interval(np.ones(1), samples)).standard_error
    smallest = smallest_slowdown(Noise(error, confidence=0.0), limit - 1)
    text = f"{text} ({entry.data['reason']}); {power_words(smallest)}"
    numbers = {"found": found, "unit": unit, "smallest_slowdown": smallest}
    return _check_ratio(name, verdict, text, numbers, ratio, limit)


def speed_entry(
    *,
    pipeline: str,
    precision: FloatPrecision,
    device: str,
    batch: int,
    timed: str,
    engine: str,
    figures: dict[str, Any],
    earlier_runs: Sequence[Sequence[float]] = (),
) -> dict[str, Any]:
    """Make a baseline entry for a timing, without its source; earlier runs widen the noise band.

    Args:
        pipeline: Whose input size was timed.
        device: Slug of its name.
        batch: Images in one call.
        timed: What the clock included.
        figures: What `summarise` gave.
        earlier_runs: Samples that were accepted before, of the same build on the same device.
    """
    runs = [*earlier_runs, figures["samples_s"]][-10:]
    medians = np.array([np.median(run) for run in runs])
    band = UNKNOWN_NOISE
    reason = "one run: how much runs of this build differ here is not known; accept more of them"
    if len(runs) > 1:
        band = float(max(LEAST_NOISE, 1.5 * (medians.max() / medians.min() - 1)))
        reason = f"1.5 times what {len(runs)} runs of this build differed by on this device"
    is_rate = "images_per_s" in figures
    return {
        "metric": "speed",
        "pipeline": pipeline,
        "precision": precision,
        "device": device,
        "batch": batch,
        "timed": timed,
        "engine": engine,
        "value": figures["images_per_s"] if is_rate else figures["median_s"],
        "unit": "images/s" if is_rate else "s",
        "tolerance": {"relative": round(min(band, 0.9), 4)},
        "reason": reason,
        "samples_s": [list(run) for run in runs],
    }
