"""Engines that drift: each leaves something behind in every call, or changes as it goes."""

from __future__ import annotations

import os

import numpy as np

from tests.support.given.remote_engines import Plain


class Holds(Plain):
    """Leaves nothing."""

    def __init__(self, spec):
        super().__init__(spec)
        self.built_file = spec.engine_file


class Leaks(Holds):
    """Leaves a file open in each call."""

    def _run(self, images):
        os.dup(0)
        return super()._run(images)


class Forgets(Holds):
    """Leaves a MiB of memory in each call."""

    def __init__(self, spec):
        super().__init__(spec)
        self._kept = []

    def _run(self, images):
        self._kept.append(np.ones(2**17))
        return super()._run(images)


class Wanders(Holds):
    """Gives another output from the fifteenth call on."""

    n_calls = 0

    def _run(self, images):
        self.n_calls += 1
        outputs = super()._run(images)
        outputs.loc[:] += self.n_calls >= 15
        return outputs


class Dies(Holds):
    """Fails in the twentieth call."""

    n_calls = 0

    def _run(self, images):
        self.n_calls += 1
        if self.n_calls == 20:
            raise OSError("device lost")
        return super()._run(images)
