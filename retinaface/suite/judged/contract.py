"""Open the subject of the engine contract, and run each of its images alone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.checks.engine_contract import check_same
from retinaface.checks.raw_outputs import largest_allowed
from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import noise_inputs
from retinaface.suite.judged.batch_walk import LARGEST, Walk, plan_walk
from retinaface.suite.judged.cases import Cases
from retinaface.suite.judged.floors import floor_of
from retinaface.suite.pool import EnginePool
from retinaface.typing import FloatArray, IntArray
from retinaface.verdicts import Check

_SEED = 11_000


@dataclass(frozen=True)
class Subject:
    """An open engine, what it gives for each image alone, and how far calls may differ."""

    engine: Engine
    images: FloatArray  # (n, 3, 320, 320), no two the same
    alone: RawOutputs  # of each image in a call of its own
    allowed: dict[str, float]
    walk: Walk  # of batch sizes
    ends: tuple[tuple[int, ...], ...]  # the last batches of each evaluation of the run
    note: str  # after the name of a check: which sizes were left out, and why

    def check(self, name: str, outputs: RawOutputs, rows: list[int] | IntArray) -> Check:
        """Compare outputs with those of the same images alone."""
        expected = RawOutputs(*(array[rows] for array in self.alone))
        return check_same(name, outputs, expected, self.allowed)


@contextlib.contextmanager
def open_subject(
    engine_name: str, pool: EnginePool, cases: Cases, ends: Sequence[tuple[int, ...]] = ()
) -> Iterator[Subject]:
    """Open an engine for as many images as the contract asks for, or for as many as it takes.

    Args:
        ends: The sizes of the last batches of each evaluation of the run.
    """
    note = ""
    largest = max(LARGEST, *(n for end in ends for n in end)) if ends else LARGEST
    try:
        engine = pool.open(engine_name, max_batch=largest)
    except EngineUnavailable as error:
        engine = pool.open(engine_name)
        note = f"; no larger batch than {engine.spec.max_batch}: {error}"
    with engine:
        yield _subject(engine, note, cases, tuple(ends))


def _subject(engine: Engine, note: str, cases: Cases, ends: tuple[tuple[int, ...], ...]) -> Subject:
    walk = plan_walk(find_engine(engine.spec.name), engine.spec.max_batch, engine.fixed_batch, ends)
    # A copy: an engine may write to it.
    images = _images(max(3, *walk.first, *walk.second)).copy()
    alone = [copy_outputs(engine.infer(image[None])) for image in images]
    return Subject(
        engine=engine,
        images=images,
        alone=RawOutputs(*(np.concatenate(arrays) for arrays in zip(*alone, strict=True))),
        allowed=largest_allowed(*floor_of(engine, cases.judging(engine.spec.name, "noise", 8))),
        walk=walk,
        ends=ends,
        note=note + walk.note,
    )


@functools.lru_cache(maxsize=1)
def _images(n: int) -> FloatArray:
    """Make the images once for all engines of a run: 64 take a third of a second."""
    return noise_inputs(n, _SEED)


def copy_outputs(outputs: RawOutputs) -> RawOutputs:
    """Copy outputs, so that a later call cannot change them."""
    return RawOutputs(*(np.array(array) for array in outputs))
