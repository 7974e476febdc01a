"""Open the subject of the engine contract, and run each of its images alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retinaface.checks.engine_contract import affordable_batches, check_same
from retinaface.checks.raw_outputs import largest_allowed
from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import noise_inputs
from retinaface.suite.cases import Cases
from retinaface.suite.pool import EnginePool
from retinaface.typing import FloatArray, IntArray
from retinaface.verdicts import Check

# Around every power of two: where runtimes split a batch, fill it up, or change their kernel.
BATCHES = (1, 2, 3, 4, 7, 8, 16, 17, 31, 32, 33, 63, 64)
# Seconds: for the batches of an engine that takes one for an image, and for the memory check.
BUDGET_S = 8.0
_SEED = 11_000


@dataclass(frozen=True)
class Subject:
    """An open engine, what it gives for each image alone, and how far calls may differ."""

    engine: Engine
    images: FloatArray  # (n, 3, 320, 320), no two the same
    alone: RawOutputs  # of each image in a call of its own
    allowed: dict[str, float]
    batches: list[int]
    seconds: float
    note: str

    def check(self, name: str, outputs: RawOutputs, rows: list[int] | IntArray) -> Check:
        """Compare outputs with those of the same images alone."""
        expected = RawOutputs(*(array[rows] for array in self.alone))
        return check_same(name, outputs, expected, self.allowed)


@contextlib.contextmanager
def open_subject(engine_name: str, pool: EnginePool, cases: Cases) -> Iterator[Subject]:
    """Open an engine for as many images as the contract asks for, or as the engine takes."""
    note = ""
    try:
        engine = pool.open(engine_name, max_batch=BATCHES[-1])
    except EngineUnavailable as error:
        engine = pool.open(engine_name)
        note = f"; no larger batch than {engine.spec.max_batch}: {error}"
    with engine:
        yield _subject(engine, note, cases)


def _subject(engine: Engine, note: str, cases: Cases) -> Subject:
    images = noise_inputs(BATCHES[-1], _SEED)
    engine.infer(images[:1])
    seconds = min(_seconds(engine, images[1:2]) for _ in range(3))
    sizes = [n for n in BATCHES if n <= engine.spec.max_batch]
    is_slow = find_engine(engine.spec.name).is_slow
    batches = affordable_batches(sizes, seconds, BUDGET_S) if is_slow else sizes
    if batches != sizes:
        note += f"; further batches left out, at {seconds:.2g} s an image"
    images = images[: max(3, batches[-1])]
    alone = [copy_outputs(engine.infer(image[None])) for image in images]
    return Subject(
        engine=engine,
        images=images,
        alone=RawOutputs(*(np.concatenate(arrays) for arrays in zip(*alone, strict=True))),
        allowed=largest_allowed(cases.get("noise", 8), engine.spec.precision),
        batches=batches,
        seconds=seconds,
        note=note,
    )


def _seconds(engine: Engine, images: FloatArray) -> float:
    started = time.perf_counter()
    engine.infer(images)
    return time.perf_counter() - started


def copy_outputs(outputs: RawOutputs) -> RawOutputs:
    """Copy outputs, so that a later call cannot change them."""
    return RawOutputs(*(np.array(array) for array in outputs))
