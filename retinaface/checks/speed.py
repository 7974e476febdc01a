"""The timing protocol: inputs that never repeat, outputs that are checked, every sample kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retinaface.baselines.entries import Entry
from retinaface.checks.intervals import CONFIDENCE, ratio_interval
from retinaface.checks.raw_outputs import check_fidelity, output_errors, worst_ratio
from retinaface.engines.base import Engine
from retinaface.engines.staged import StagedEngine
from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase
from retinaface.typing import FloatArray, IntArray, Precision
from retinaface.verdicts import Check, Verdict, is_faster, judge_time_ratio

# What the images/s of any engine are a multiple of, where figures of several machines meet.
YARDSTICK = "ort-cpu-fp32"
# Multiply-adds of the network for one 320x320 image, times two (facts of the model's own graph).
FLOPS_PER_IMAGE = 2 * 245.3e6
# Small enough to move no output by a noise floor, large enough to be another float32.
_NUDGE = np.float32(2.0**-9)
# Share of a run that may pass while its outputs are fetched: caches that are cold take some of it,
# a run that is not waited for takes all.
LARGEST_WAIT = 0.5
# Between two runs of one build on one device; more runs accepted on it narrow or widen it.
UNKNOWN_NOISE = 0.15
LEAST_NOISE = 0.05


def nudge(images: FloatArray, first: int) -> FloatArray:
    """Change one value of each image by next to nothing, so that no two batches are the same.

    Args:
        images: (N, 3, H, W) float32, changed in place.
        first: Where: another number gives another place.

    Returns:
        The images.
    """
    for i, image in enumerate(images):
        image.reshape(-1)[(first + i) % image.size] += _NUDGE
    return images


@dataclass
class CheckedInputs:
    """Batches that differ in every call, refilled into one buffer, with the outputs they must give.

    An engine that keeps outputs by shape, by address or by content gains nothing here.

    Attributes:
        case: Images and exact outputs to draw from.
        batch: Images in one call.
        precision: Of the engine.
        n_wrong: Calls whose outputs were wrong.
        first_problem: What was wrong in the first of them.
        n_checked: Calls whose outputs were checked.
    """

    case: ReferenceCase
    batch: int
    precision: Precision
    seed: int = 0
    n_wrong: int = 0
    first_problem: Check | None = None
    n_checked: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._buffer = np.empty((self.batch, *self.case.images.shape[1:]), dtype=np.float32)
        self._n_filled = 0  # where the next image is nudged: another place each time
        self._rows: IntArray = np.zeros(self.batch, dtype=np.int64)

    def fill(self) -> FloatArray:
        """The next batch, in the buffer of the last one."""
        n = len(self.case.images)
        order = np.concatenate([self._rng.permutation(n) for _ in range(-(-self.batch // n))])
        self._rows = order[: self.batch]
        np.take(self.case.images, self._rows, axis=0, out=self._buffer)
        nudge(self._buffer, self._n_filled)
        self._n_filled += self.batch
        return self._buffer

    def check(self, outputs: RawOutputs) -> None:
        """Hold the outputs of the last batch against the exact ones."""
        expected = self.case.take(self._rows)
        self.n_checked += 1
        if worst_ratio(outputs, expected, self.precision) <= 1:  # a NaN is not
            return
        self.n_wrong += 1
        if self.first_problem is None:
            errors = output_errors(outputs, expected, self.precision)
            self.first_problem = check_fidelity(f"timed call {self.n_checked}", errors)

    def verdict(self, name: str) -> Check:
        """Whether every timed call gave the right outputs."""
        if self.first_problem is not None:
            text = f"{self.n_wrong} of {self.n_checked} timed calls gave wrong outputs: "
            return Check(name, Verdict.FAIL, text + self.first_problem.message)
        verdict = Verdict.PASS if self.n_checked else Verdict.INCONCLUSIVE
        return Check(name, verdict, f"{self.n_checked} calls checked", {"n": self.n_checked})


@dataclass
class FetchTimes:
    """How long fetching outputs takes right after a run, and once more when they must be there.

    A run that returns before the device is done makes the first fetch wait for it.
    """

    engine: StagedEngine
    first_s: list[float] = field(default_factory=list)
    again_s: list[float] = field(default_factory=list)

    def fetch(self) -> RawOutputs:
        """Outputs of the last run, fetched twice."""
        for kept in (self.first_s, self.again_s):
            started = time.perf_counter()
            outputs = self.engine.fetch()
            kept.append(time.perf_counter() - started)
        return outputs

    def verdict(self, run_s: float) -> Check:
        """Whether runs had ended when they returned.

        Args:
            run_s: Median of the times of `execute`.
        """
        first_s, again_s = float(np.median(self.first_s)), float(np.median(self.again_s))
        hidden_s = max(first_s - again_s, 0.0)
        share = hidden_s / (hidden_s + run_s)
        text = (
            f"fetching took {first_s * 1e3:.3g} ms after a run of {run_s * 1e3:.3g} ms, and "
            f"{again_s * 1e3:.3g} ms once more"
        )
        if share > LARGEST_WAIT:
            text += ": the run returned before the device was done; wait for it in _execute"
        verdict = Verdict.FAIL if share > LARGEST_WAIT else Verdict.PASS
        return Check("the run had ended", verdict, text, {"hidden_share": share})


def summarise(samples_s: Sequence[float], n_images: int | None) -> dict[str, Any]:
    """Figures of a list of samples.

    Args:
        samples_s: Seconds of each call.
        n_images: In each call; None where images are not what is counted.

    Returns:
        `samples_s`, `median_s`, `p90_s`, `p99_s`, and `images_per_s` at the median.
    """
    samples = np.asarray(samples_s, dtype=np.float64)
    figures: dict[str, Any] = {
        "samples_s": samples.tolist(),
        "median_s": float(np.median(samples)),
        "p90_s": float(np.quantile(samples, 0.9)),
        "p99_s": float(np.quantile(samples, 0.99)),
    }
    if n_images is not None:
        figures["images_per_s"] = n_images / figures["median_s"]
    return figures


def check_speed(entry: Entry, figures: dict[str, Any], n_images: int | None) -> Check:
    """Hold a timing against a baseline: a threshold, or a ratio with its interval.

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
    reference = np.concatenate([np.asarray(run) for run in runs])
    ratio = ratio_interval(reference, np.asarray(figures["samples_s"]))
    text = (
        f"{ratio.estimate:.3f} times as long as the baseline ({figures['median_s'] * 1e3:.3f} ms, "
        f"baseline {np.median(reference) * 1e3:.3f} ms over {len(runs)} runs), {CONFIDENCE:.0%} "
        f"interval [{ratio.low:.3f}, {ratio.high:.3f}], noise of this device +-{band:.0%}"
    )
    if is_faster(ratio.high, band):
        text += "; faster than the noise explains: accept it, if you know why"
    numbers = {"ratio": ratio.estimate, "low": ratio.low, "high": ratio.high, "band": band}
    return Check(name, judge_time_ratio(ratio.low, ratio.high, band), text, numbers)


def _check_threshold(
    name: str, entry: Entry, figures: dict[str, Any], band: float, n_images: int | None
) -> Check:
    value, unit = float(entry.data["value"]), entry.data["unit"]
    if unit == "images/s" and n_images is not None:
        found, least = n_images / figures["median_s"], value * (1 - band)
        is_fine = found >= least
        text = f"{found:.1f} images/s, published {value:.1f}, at least {least:.1f}"
    else:
        found, most = figures["median_s"], value * (1 + band)
        is_fine = found <= most
        text = f"{found:.4g} s, published {value:.4g}, at most {most:.4g}"
    verdict = Verdict.PASS if is_fine else Verdict.FAIL
    return Check(name, verdict, f"{text} ({entry.data['reason']})", {"value": found})


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
    """A baseline entry for a timing, without its source; earlier runs widen the noise band.

    Args:
        pipeline: Whose input size was timed.
        precision: Of the engine.
        device: Slug of its name.
        batch: Images in one call.
        timed: What the clock included.
        engine: Name of the engine.
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


def share_of_peak(engine: Engine, images: FloatArray, turns: int) -> list[float]:
    """Share of one core's matrix-product rate that an engine reaches, turn by turn.

    Both in one thread, one after the other, so that the machine's noise meets both.

    Args:
        engine: Opened with one thread.
        images: (N, 3, H, W) float32.
        turns: How many pairs.

    Returns:
        One share for each turn.
    """
    from threadpoolctl import threadpool_limits

    side = 768
    a = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    shares = []
    with threadpool_limits(1):
        for turn in range(turns + 1):
            started = time.perf_counter_ns()
            for _ in range(4):
                a @ a
            product_s = (time.perf_counter_ns() - started) * 1e-9
            started = time.perf_counter_ns()
            engine.infer(images)
            network_s = (time.perf_counter_ns() - started) * 1e-9
            if turn:  # the first warms up
                peak = 4 * 2 * side**3 / product_s
                shares.append(FLOPS_PER_IMAGE * len(images) / network_s / peak)
    return shares


def turn_by_turn(
    engine: Engine, yardstick: Engine, inputs: Sequence[CheckedInputs], turns: int
) -> list[float]:
    """Images/s of an engine over those of another, turn by turn, so that noise meets both.

    Each goes first in every other turn.

    Args:
        engine: Open.
        yardstick: Open; the same one tells how much two calls of one engine differ.
        inputs: Those of the engine, then of the yardstick, with the same number of images in a
            call; the outputs are checked, outside the clock.
        turns: How many pairs.

    Returns:
        One ratio for each turn.
    """
    sides = [*zip((engine, yardstick), inputs, strict=True)]
    ratios = []
    for turn in range(turns + 1):
        seconds = [0.0, 0.0]
        for side in (0, 1) if turn % 2 else (1, 0):
            called, checked = sides[side]
            images = checked.fill()
            started = time.perf_counter_ns()
            outputs = called.infer(images)
            seconds[side] = (time.perf_counter_ns() - started) * 1e-9
            checked.check(outputs)
        if turn:  # the first warms up
            ratios.append(seconds[1] / seconds[0])
    return ratios


def middle_of_turns(values: Sequence[float]) -> tuple[float, float, float]:
    """What a tenth, the half and nine tenths of the turns lie below.

    Args:
        values: One for each turn, at least one; records may hold a NaN or an infinity as words.
    """
    low, median, high = np.quantile(np.asarray(values, np.float64), [0.1, 0.5, 0.9])
    return float(low), float(median), float(high)
