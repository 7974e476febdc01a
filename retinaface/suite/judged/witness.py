"""Between an evaluation and its engine: counts images, and keeps what of them can be judged.

Of every image it keeps a sketch of the outputs; of a few rows the input and the outputs whole: of
the last call, where a batch is cut short, and of a random call of each batch size that occurred.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.checks.output_sketches import Sketch, sketch_rows
from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

N_LAST_ROWS = 4
_SEED = 11_003


@dataclass(frozen=True)
class KeptRow:
    """One row of one call of an evaluation.

    Attributes:
        i_image: Which image of the run: how many rows came before it.
        call: Which call, from 1.
        n_in_call: Images in that call.
        position: Of the row in it.
        inputs: (3, H, W), copied before the call.
        outputs: (1, P, 4), (1, P, 2), (1, P, 10), copied after it.
    """

    i_image: int
    call: int
    n_in_call: int
    position: int
    inputs: FloatArray
    outputs: RawOutputs


@dataclass(frozen=True)
class Seen:
    """What a witness kept of an evaluation.

    Attributes:
        sketches: Of every row, in the order in which they ran.
        rows: Those that were kept whole, in the same order.
    """

    sketches: tuple[Sketch, ...]
    rows: tuple[KeptRow, ...]


class Witness(Engine):
    """Passes everything on and keeps what is judged; does not own the engine, so does not close it.

    Args:
        inner: The engine.
        keeps_inputs: Whether to keep every input, in `inputs`.
    """

    def __init__(self, inner: Engine, *, keeps_inputs: bool = False) -> None:
        super().__init__(inner.spec)
        self._inner = inner
        self.fixed_batch = inner.fixed_batch
        self.parallel_calls = inner.parallel_calls
        self.n_images = 0
        self.inputs: list[FloatArray] | None = [] if keeps_inputs else None
        self._n_begun = 0
        self._ended = threading.Lock()  # held to keep what a call gave
        self._sketches: dict[int, Sketch] = {}
        self._n_calls: Counter[int] = Counter()
        self._last: list[KeptRow] = []
        self._of_size: dict[int, KeptRow] = {}
        self._random = np.random.default_rng(_SEED)

    def infer(self, images: FloatArray) -> RawOutputs:
        """See `Engine.infer`."""
        return self.begin(images)()

    def begin(self, images: FloatArray) -> Callable[[], RawOutputs]:
        """See `Engine.begin`: calls may end in another order, and the images keep theirs."""
        if self.inputs is not None:
            self.inputs += [image.copy() for image in images]
        last, random = self._choose(len(images))
        call, first = self._n_calls.total(), self._n_begun
        self._n_begun += len(images)
        inputs = {position: images[position].copy() for position in {*last, *random}}

        def run() -> RawOutputs:
            outputs = self._inner.infer(images)
            sketches = dict(enumerate(sketch_rows(outputs), first))
            kept = {
                i: KeptRow(first + i, call, len(images), i, image, _copy_row(outputs, i))
                for i, image in inputs.items()
            }
            with self._ended:
                self._keep([kept[i] for i in last], [kept[i] for i in random])
                self._sketches |= sketches
                self.n_images += len(images)
            return outputs

        return run

    def _keep(self, last: list[KeptRow], random: list[KeptRow]) -> None:
        """Keep rows of a call, unless a later call ended before it."""
        if not self._last or self._last[0].call < last[0].call:
            self._last = last
        for row in random:
            earlier = self._of_size.get(row.n_in_call)
            if earlier is None or earlier.call < row.call:
                self._of_size[row.n_in_call] = row

    def _choose(self, n: int) -> tuple[list[int], list[int]]:
        """Choose rows to keep of a call that may be the last, and of its size one of all calls."""
        self._n_calls[n] += 1
        order = self._random.permutation(n - 1)[: N_LAST_ROWS - 1]
        last = sorted({*map(int, order), n - 1})
        is_chosen = self._random.random() < 1 / self._n_calls[n]
        return last, [int(self._random.integers(n))] if is_chosen else []

    def seen(self) -> Seen:
        """Give what was kept until now."""
        rows = {row.i_image: row for row in (*self._of_size.values(), *self._last)}
        return Seen(
            tuple(self._sketches[i] for i in sorted(self._sketches)),
            tuple(rows[i] for i in sorted(rows)),
        )

    def infer_intermediates(
        self, images: FloatArray, names: Sequence[str]
    ) -> dict[str, FloatArray]:
        """See `Engine.infer_intermediates`."""
        return self._inner.infer_intermediates(images, names)

    def _run(self, images: FloatArray) -> RawOutputs:
        return self._inner.infer(images)

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return self._inner.describe()


def _copy_row(outputs: RawOutputs, i: int) -> RawOutputs:
    return RawOutputs(*(array[i : i + 1].copy() for array in outputs))
