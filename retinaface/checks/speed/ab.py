"""Time two engines turn by turn, and how much one of them differs from itself meanwhile.

Two runs of one build differ in time by more than most builds do: an hour later the machine has
changed, and so has a process each time it starts. So three processes (A, A again and B) take turns
on the same input, and are started anew a few times. B is compared with A in the light of how far A
again was from A.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retinaface.checks.detection_changes import ImageDifference, differences
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.checks.speed.timing import nudge
from retinaface.detection.detections import check_outputs, detections_of_inputs
from retinaface.engines.remote.engine import RemoteEngine
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check

# Who takes turns. The second shows how much the first differs from itself.
A, AGAIN, B = SIDES = ("A", "A again", "B")
# The shortest sample: the clock and the pipes then take little of it.
_SAMPLE_S = 0.05
_WARM_UP_CALLS = 3
_SEED = 20_261_125

Open = Callable[[], RemoteEngine]
Progress = Callable[[int], Iterator[int]]


@dataclass(frozen=True)
class Plan:
    """The length of a measurement.

    Attributes:
        batch: Images in one call.
        starts: How often the three processes are started; each start is one sample of the ratio.
        turns: Of each process in one start.
    """

    batch: int
    starts: int = 6
    turns: int = 15


@dataclass
class Timings:
    """The times and the differences of a measurement.

    Attributes:
        seconds: By side: (starts, turns) float64, of one call.
        changes: How detections of B differ from those of A, in each image of each turn.
        largest: By output: the largest difference of a raw value.
        descriptions: By side, as `Engine.describe` gives them.
        environments: By side.
    """

    seconds: dict[str, FloatArray]
    changes: list[ImageDifference] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    descriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken_s: float = 0.0

    def ratios(self, side: str) -> FloatArray:
        """Compute how many times as long as A a side took, (starts,): the median over the turns."""
        return np.asarray(np.median(self.seconds[side] / self.seconds[A], axis=1))

    def median_s(self, side: str) -> float:
        """Compute the median time of one call."""
        return float(np.median(self.seconds[side]))


def measure(open_a: Open, open_b: Open, images: FloatArray, plan: Plan, steps: Progress) -> Timings:
    """Start A, A again and B, and let them take turns on the same inputs.

    Args:
        open_a: Starts A, and A again.
        images: (M, 3, H, W) float32, to draw batches from.
        steps: Counts to a number, as `range` does, and shows it.

    Raises:
        EngineUnavailable: A side cannot be started.
        EngineFault: A side failed, or gave outputs that cannot be right.
    """
    started = time.monotonic()
    rng = np.random.default_rng(_SEED)
    shape = plan.starts, plan.turns
    timings = Timings({side: np.full(shape, np.nan) for side in SIDES})
    engines: dict[str, RemoteEngine] = {}
    n_calls = 1
    with ExitStack() as running:
        for step in steps(plan.starts * plan.turns):
            start, turn = divmod(step, plan.turns)
            if turn == 0:
                running.close()
                engines = _start(running, open_a, open_b, images, plan.batch, timings)
                n_calls = _calls_of_a_sample(engines)
            batch = nudge(images[rng.integers(0, len(images), plan.batch)], step)
            outputs = {}
            for side in rng.permutation(SIDES):
                outputs[side] = _sample(engines[side], batch, n_calls, side)
                timings.seconds[side][start, turn] = outputs[side][1]
            _compare(timings, step, outputs[A][0], outputs[B][0])
    timings.taken_s = time.monotonic() - started
    return timings


def _start(
    running: ExitStack,
    open_a: Open,
    open_b: Open,
    images: FloatArray,
    batch: int,
    timings: Timings,
) -> dict[str, RemoteEngine]:
    engines = {
        side: running.enter_context(start())
        for side, start in zip(SIDES, (open_a, open_a, open_b), strict=True)
    }
    warm_up = images[np.arange(batch) % len(images)]
    for side, engine in engines.items():
        for _ in range(_WARM_UP_CALLS):
            engine.infer(warm_up)
        timings.descriptions[side] = engine.describe()
        timings.environments[side] = engine.environment
    return engines


def _calls_of_a_sample(engines: dict[str, RemoteEngine]) -> int:
    """Choose how many calls make a sample long enough; the same for all sides."""
    fastest = min(engine.last_infer_s for engine in engines.values())
    return max(1, int(np.ceil(_SAMPLE_S / max(fastest, 1e-6))))


def _sample(
    engine: RemoteEngine, batch: FloatArray, n_calls: int, side: str
) -> tuple[RawOutputs, float]:
    """Take a sample: the outputs of its last call, and the mean seconds of one call."""
    seconds = 0.0
    for _ in range(n_calls):
        outputs = engine.infer(batch)
        seconds += engine.last_infer_s
    try:
        check_outputs(*outputs)
    except EngineFault as error:
        raise EngineFault(f"{side}: {engine.spec.name}: {error}") from error
    return outputs, seconds / n_calls


def _compare(timings: Timings, step: int, ours: RawOutputs, theirs: RawOutputs) -> None:
    """Note how far apart two outputs for one input lie."""
    for name, one, other in zip(RawOutputs._fields, ours, theirs, strict=True):
        largest = float(np.abs(one - other).max())
        timings.largest[name] = max(timings.largest.get(name, 0.0), largest)
    name = f"turn {step + 1}, image"
    timings.changes += differences(*(detections_of_inputs(o, name) for o in (ours, theirs)))


def judge_outputs(
    timings: Timings, precision: FloatPrecision, *, has_faces: bool
) -> Sequence[Check]:
    """Compare the detections of B with those of A.

    Args:
        precision: Whose tolerances count.
        has_faces: Whether the images show faces. Without them all scores lie near the limits, where
            detections come and go, and only changes that nothing explains count.
    """
    unmatched, *others = check_differences("B against A", timings.changes, TOLERANCES[precision])
    return [unmatched, *others] if has_faces else others
