"""Engines that are right in most calls: wrong at a size, in an order, now and then, in threads.

Named as those of `faulty_engines`: `<this module>:<fault>_cpu_fp32`.
"""

from __future__ import annotations

import threading
import time

import numpy as np

from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from tests.support.given.faulty_engines import Wrapped, factory_of

_GREY = 114 - 104  # of the letterbox, minus the mean of blue


def _noisy(outputs: RawOutputs) -> RawOutputs:
    """Add noise of 5 %; scores stay probabilities."""
    rng = np.random.default_rng(0)
    noisy = RawOutputs(*(a * rng.normal(1, 0.05, a.shape).astype(a.dtype) for a in outputs))
    return noisy._replace(scores=noisy.scores.clip(0, 1))


class NoiseAt18(Wrapped):
    """5 % of noise at batch 18 alone."""

    def changed(self, outputs, images):
        return _noisy(outputs) if len(images) == 18 else outputs


class NoiseAt47(Wrapped):
    """5 % of noise at batch 47 alone."""

    def changed(self, outputs, images):
        return _noisy(outputs) if len(images) == 47 else outputs


class StaleAfter32(Wrapped):
    """A batch of 17 to 31 right after one of 32 gets its rows."""

    last: RawOutputs | None = None

    def changed(self, outputs, images):
        before, self.last = self.last, outputs
        if before is not None and len(before.loc) == 32 and 17 <= len(images) < 32:
            return RawOutputs(*(array[: len(images)].copy() for array in before))
        return outputs


class NoiseAfterLarger(Wrapped):
    """5 % of noise in a batch of 20 to 24 that comes right after one a little larger."""

    before = 0

    def changed(self, outputs, images):
        before, self.before = self.before, len(images)
        is_wrong = 20 <= len(images) <= 24 and 0 < before - len(images) <= 2
        return _noisy(outputs) if is_wrong else outputs


class NoiseInTheLastCall(Wrapped):
    """5 % of noise in the last call of an evaluation: few images, with a grey border."""

    def changed(self, outputs, images):
        is_padded = any(image[0, 0, 0] == _GREY or image[0, 0, -1] == _GREY for image in images)
        return _noisy(outputs) if len(images) == 3 and is_padded else outputs


class NowAndThen(Wrapped):
    """Every 60th image is another's; which one of them, a subclass says."""

    every = 60
    n_images = 0
    last: RawOutputs | None = None

    def changed(self, outputs, images):
        honest = RawOutputs(*(array.copy() for array in outputs))
        for i in range(len(images)):
            self.n_images += 1
            if self.n_images % self.every == 0:
                self.spoil(outputs, honest, i)
        self.last = honest
        return outputs

    def spoil(self, outputs, honest, i):
        raise NotImplementedError


class NeighboursRow(NowAndThen):
    """It gets the outputs of its neighbour in the batch."""

    def spoil(self, outputs, honest, i):
        for array, right in zip(outputs, honest, strict=True):
            array[i] = right[i - 1]


class Every200thIsItsNeighbour(NeighboursRow):
    """One image in 200 gets the outputs of its neighbour."""

    every = 200


class RowOfTheCallBefore(NowAndThen):
    """It gets the outputs of the image at its place in the call before."""

    def spoil(self, outputs, honest, i):
        if self.last is not None and i < len(self.last.loc):
            for array, earlier in zip(outputs, self.last, strict=True):
                array[i] = earlier[i]


class ExchangesNeighbours(NowAndThen):
    """It and its neighbour get each other's outputs, so that no outputs are there twice."""

    def spoil(self, outputs, honest, i):
        for array, right in zip(outputs, honest, strict=True):
            array[[i - 1, i]] = right[[i, i - 1]]


class ZerosNowAndThen(NowAndThen):
    """It gets outputs that nobody wrote."""

    def spoil(self, outputs, honest, i):
        for array in outputs:
            array[i] = 0


class LeaksInBatches(Wrapped):
    """Keeps 20 kB of every call of more than one image."""

    def changed(self, outputs, images):
        if len(images) > 1:
            self.kept = [*getattr(self, "kept", []), np.ones(20_000, np.int8)]
        return outputs


class LeaksBetweenSizes(Wrapped):
    """Keeps 40 kB whenever a batch is of another size than the one before."""

    before = 0

    def changed(self, outputs, images):
        if len(images) != self.before:
            self.kept = [*getattr(self, "kept", []), np.ones(40_000, np.int8)]
        self.before = len(images)
        return outputs


class StateOfAThread(Wrapped):
    """Sets itself up in the thread that opens it, and in another is not set up."""

    def __init__(self, spec):
        super().__init__(spec)
        self.state = threading.local()
        self.state.scale = np.float32(1)

    def changed(self, outputs, images):
        scale = getattr(self.state, "scale", np.float32(0))
        return RawOutputs(*(array * scale for array in outputs))


class OneCallAtATime(Wrapped):
    """Keeps the images of a call in one place, as an engine may whose `parallel_calls` is 1."""

    def _run(self, images):
        self.images = images
        time.sleep(0.005)  # another call would come in between
        return super()._run(self.images)


class LetsAllIn(OneCallAtATime):
    """The same, past the base class, which lets one call in at a time."""

    def infer(self, images):
        self._check_input(images)
        return Engine._check_outputs(self, self._run(images), len(images), images.shape[2:])


__getattr__ = factory_of(globals())
