"""The timing protocol: inputs that never repeat, outputs that are checked, every sample kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.raw_outputs import check_fidelity, output_errors, worst_ratio
from retinaface.checks.speed.steadiness import LEAST_CALLS, drift_of
from retinaface.engines.staged import StagedEngine
from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase
from retinaface.typing import FloatArray, FloatPrecision, IntArray
from retinaface.verdicts import Check, Verdict

# Large enough to change a float32 below 256, by four of its steps; so small that it moved no output
# of 480 scenes by more than a tenth of what is allowed (2^-9 moved one in a hundred beyond it).
_NUDGE = np.float32(2.0**-14)
# Share of a run that fetching its outputs may take: cold caches take some, a run that nobody waited
# for takes all.
LARGEST_WAIT = 0.5
# Calls of an engine are timed for so long, and no more often or less often than that. At the least
# number, steady calls (3 %) still show a slowdown of a fifth in their last third.
_BUDGET_S = 2.0
MOST_TIMED, LEAST_TIMED = 200, 20
# Of a long run a record keeps so many samples, evenly spaced.
MOST_KEPT = 2000


def nudge(images: FloatArray, first: int) -> FloatArray:
    """Change one value of each image by next to nothing, so that no two batches are the same.

    Args:
        images: (N, 3, H, W) float32, changed in place.
        first: Chooses the place: a different number gives a different place.

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
        n_wrong: Calls whose outputs were wrong.
        first_problem: What was wrong in the first of them.
        n_checked: Calls whose outputs were checked.
    """

    case: ReferenceCase
    batch: int
    precision: FloatPrecision
    seed: int = 0
    n_wrong: int = 0
    first_problem: Check | None = None
    n_checked: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._buffer = np.empty((self.batch, *self.case.images.shape[1:]), dtype=np.float32)
        self._n_filled = 0  # where the next image is nudged: a new place each time
        self._rows: IntArray = np.zeros(self.batch, dtype=np.int64)

    def fill(self) -> FloatArray:
        """Draw the next batch, in the buffer of the last one."""
        n = len(self.case.images)
        order = np.concatenate([self._rng.permutation(n) for _ in range(-(-self.batch // n))])
        self._rows = order[: self.batch]
        np.take(self.case.images, self._rows, axis=0, out=self._buffer)
        nudge(self._buffer, self._n_filled)
        self._n_filled += self.batch
        return self._buffer

    def check(self, outputs: RawOutputs) -> None:
        """Compare the outputs of the last batch with the exact ones."""
        expected = self.case.take(self._rows)
        self.n_checked += 1
        if worst_ratio(outputs, expected, self.precision) <= 1:  # a NaN is not
            return
        self.n_wrong += 1
        if self.first_problem is None:
            name = f"timed call {self.n_checked}"
            found = check_fidelity(name, output_errors(outputs, expected, self.precision))
            if found.verdict is Verdict.PASS:
                found = check_probabilities(name, outputs.scores, self.precision)
            self.first_problem = found

    def verdict(self, name: str) -> Check:
        """Judge whether every timed call gave the right outputs."""
        if self.first_problem is not None:
            text = f"{self.n_wrong} of {self.n_checked} timed calls gave wrong outputs: "
            return Check(name, Verdict.FAIL, text + self.first_problem.message)
        verdict = Verdict.PASS if self.n_checked else Verdict.INCONCLUSIVE
        return Check(name, verdict, f"{self.n_checked} calls checked", {"n": self.n_checked})


@dataclass
class FetchTimes:
    """Times of fetching outputs: right after a run, and once more when they must be there.

    A run that returns before the device is done makes the first fetch wait for it.
    """

    engine: StagedEngine
    first_s: list[float] = field(default_factory=list)
    again_s: list[float] = field(default_factory=list)

    def fetch(self) -> RawOutputs:
        """Fetch the outputs of the last run, twice."""
        for kept in (self.first_s, self.again_s):
            started = time.perf_counter()
            outputs = self.engine.fetch()
            kept.append(time.perf_counter() - started)
        return outputs

    def verdict(self, run_s: float) -> Check:
        """Judge whether runs had ended when they returned.

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


def calls_in_budget(call_s: float) -> int:
    """Choose how many calls are timed.

    Args:
        call_s: Seconds of one, about.
    """
    return int(np.clip(_BUDGET_S / max(call_s, 1e-9), LEAST_TIMED, MOST_TIMED))


def summarise(samples_s: Sequence[float], n_images: int | None) -> dict[str, Any]:
    """Compute the figures of a list of samples.

    Args:
        samples_s: Seconds of each call.
        n_images: In each call; None where the call is not about images.

    Returns:
        `samples_s` (of very many, evenly spaced ones), `n_calls`, `median_s`, `p90_s`, `p99_s`,
        `images_per_s` at the median, and of enough calls `drift`, last third over first.
    """
    samples = np.asarray(samples_s, dtype=np.float64)
    figures: dict[str, Any] = {
        "samples_s": _spaced(samples).tolist(),
        "n_calls": len(samples),
        "median_s": float(np.median(samples)),
        "p90_s": float(np.quantile(samples, 0.9)),
        "p99_s": float(np.quantile(samples, 0.99)),
    }
    if len(samples) >= LEAST_CALLS:
        figures["drift"] = drift_of(samples)
    if n_images is not None:
        figures["images_per_s"] = n_images / figures["median_s"]
    return figures


def _spaced(samples: FloatArray) -> FloatArray:
    if len(samples) <= MOST_KEPT:
        return samples
    return samples[np.linspace(0, len(samples) - 1, MOST_KEPT).round().astype(np.int64)]
