"""The batch sizes that the engine contract goes through, in which order: by no clock.

What a size gives may depend on the size, and on what ran before it: a buffer that grew, a kernel
that was kept, rows that stayed. So sizes come in a seeded random order, the largest first.

The first walk, in every run: the largest size of the contract; two sizes directly after a whole
batch of a recipe; for each recipe of the run the end of its evaluation (two whole batches and the
rest, as 32, 32, 18); every other size up to 32. Each size comes after a larger one at some time,
about half of them directly.

The second walk, in all but the quick selection: every other size up to the largest; ten more sizes
directly after a whole batch; then, once more, those up to 32 that had come directly after a smaller
one only, falling, and those after a larger one only, rising. After it each of 2 to 32 has run
directly after a smaller one, and, where the engine takes one, directly after a larger.

Shorter by what is declared, and the checks say so: an engine whose `fixed_batch` the base class
fills up sees one size whatever the caller gives, and runs each once; one that the catalogue calls
`is_sluggish` or `is_slow` would take hours; one that does not open for the largest size stops at
its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from retinaface.engines.catalogue import EngineEntry

LARGEST = 64
EACH_UP_TO = 32
_SLUGGISH = (1, 2, 3, 4, 7, 8, 17)
_SLOW = (1, 2, 3)
# Sizes that run directly after a whole batch, as the rest of an evaluation does.
_RESTS, _MORE_RESTS = (24, 12), (31, 28, 21, 18, 17, 15, 9, 5, 2, 1)
_SEED = 11_001


@dataclass(frozen=True)
class Walk:
    """Batch sizes in the order of their calls.

    Attributes:
        first: Of every run.
        second: Of a whole run; empty where sizes are few.
        note: Why sizes are left out; empty where none is.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    note: str = ""


def plan_walk(
    entry: EngineEntry, max_batch: int, fixed_batch: int | None, ends: Iterable[Sequence[int]] = ()
) -> Walk:
    """Choose the batch sizes of an engine.

    Args:
        entry: Of the catalogue.
        max_batch: Most images that the open engine takes.
        fixed_batch: The engine's own.
        ends: The last batches of each evaluation of the run.
    """
    end = [n for sizes in dict.fromkeys(map(tuple, ends)) for n in sizes if n <= max_batch]
    if entry.is_slow:  # over whole sets it is not evaluated: there is no end
        return Walk(_SLOW[:max_batch], (), f"; batches of {_SLOW} alone: the engine is slow")
    if entry.is_sluggish:
        few = _shuffled(n for n in _SLUGGISH if n <= max_batch and n not in end)
        return Walk(
            (*end, *few), (), f"; batches of {_SLUGGISH} alone: an image takes tenths of a second"
        )
    if fixed_batch is not None:
        sizes = {1, 2, 3, fixed_batch // 2, fixed_batch - 1, fixed_batch} - {0, *end}
        first = (*end, *_shuffled(n for n in sizes if n <= max_batch))
        others = {*range(1, min(LARGEST, fixed_batch, max_batch))} - {*first}
        note = f"; every call runs its fixed batch of {fixed_batch}"
        return Walk(first, tuple(_shuffled(others)), note)
    return Walk(*_whole_walks(min(LARGEST, max_batch), end))


def _whole_walks(largest: int, end: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Order every size up to the largest, and the ends of the evaluations."""
    whole = end[0] if end else min(EACH_UP_TO, largest)
    lead = [*([largest] if whole < largest else []), *_after(whole, _RESTS), *end]
    first = [*lead, *_shuffled({*range(1, min(EACH_UP_TO, largest) + 1)} - {*lead})]
    rest = _shuffled({*range(1, largest)} - {*first})
    second = [*rest, *_after(whole, _MORE_RESTS)]
    return tuple(first), (*second, *_other_way_round((first, second), largest))


def _after(whole: int, rests: Iterable[int]) -> list[int]:
    return [n for rest in rests if rest < whole for n in (whole, rest)]


def _shuffled(sizes: Iterable[int]) -> list[int]:
    return [int(n) for n in np.random.default_rng(_SEED).permutation(sorted(sizes))]


def _other_way_round(walks: Iterable[Sequence[int]], largest: int) -> list[int]:
    """Run sizes up to 32 after a larger one where they have not, and likewise after a smaller."""
    pairs = [(before, n) for walk in walks for before, n in pairwise(walk) if n <= EACH_UP_TO]
    after_larger = {n for before, n in pairs if before > n}
    after_smaller = {n for before, n in pairs if before < n}
    falling = sorted(after_smaller - after_larger, reverse=True)
    rising = sorted(after_larger - after_smaller - {1})
    return [largest, *falling, 1, *rising]


def last_batches(n_images: int, batch: int) -> tuple[int, ...]:
    """Give the sizes of the last calls of an evaluation: two whole batches and the rest."""
    n_whole, rest = divmod(n_images, batch)
    return (*[batch] * min(2, n_whole), *[rest] * (rest > 0))
