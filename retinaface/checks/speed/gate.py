"""Judge timings by baselines, in the light of the noise of the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from retinaface.baselines.entries import Entry
from retinaface.checks.intervals import CONFIDENCE, ratio_interval
from retinaface.typing import Precision
from retinaface.verdicts import Check, Verdict, is_faster, judge_time_ratio

# How much two runs of one build differ on one device; accepting more runs narrows or widens it.
UNKNOWN_NOISE = 0.15
LEAST_NOISE = 0.05
# A time, divided by that of the baseline.
_UNIT = "times the baseline"


def check_speed(entry: Entry, figures: dict[str, Any], n_images: int | None) -> Check:
    """Compare a timing with a baseline: by a threshold, or by a ratio with its interval.

    Args:
        entry: Of the same device, batch and what is timed.
        figures: What `summarise` gave.
        n_images: In each call.
    """
    name = f"against {entry}"
    band = float(entry.data["tolerance"]["relative"])
    runs = entry.data.get("samples_s")
    if not runs:
        return _check_threshold(name, entry, figures, band, n_images)
    baseline = np.concatenate([np.asarray(run) for run in runs])
    ratio = ratio_interval(baseline, np.asarray(figures["samples_s"]))
    text = (
        f"{ratio.estimate:.3f} times as long as the baseline ({figures['median_s'] * 1e3:.3f} ms, "
        f"baseline {np.median(baseline) * 1e3:.3f} ms over {len(runs)} runs), {CONFIDENCE:.0%} "
        f"interval [{ratio.low:.3f}, {ratio.high:.3f}], noise of this device +-{band:.0%}"
    )
    if is_faster(ratio.high, band):
        text += "; faster than the noise explains: accept it, if you know why"
    numbers = {"ratio": ratio.estimate, "low": ratio.low, "high": ratio.high, "band": band}
    verdict = judge_time_ratio(ratio.low, ratio.high, band)
    return Check(name, verdict, text, numbers, value=ratio.estimate, limit=1 + band, unit=_UNIT)


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
    text = f"{text} ({entry.data['reason']})"
    numbers = {"found": found, "unit": unit}
    return Check(name, verdict, text, numbers, value=ratio, limit=limit, unit=_UNIT)


def speed_entry(
    *,
    pipeline: str,
    precision: Precision,
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
