"""Engines without a runtime, and what they are asked to be and given, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.network.outputs import RawOutputs


class Counting(Engine):
    """Gives each image its mean, and remembers the batches it saw."""

    other_options_go_to = "the test that opens it"

    def __init__(self, spec, fixed_batch=None, n_priors=4200):
        super().__init__(spec)
        self.fixed_batch, self.n_priors, self.batches = fixed_batch, n_priors, []

    def _run(self, images):
        self.batches.append(images)
        mean = images.mean(axis=(1, 2, 3)).reshape(-1, 1, 1)
        return RawOutputs(*(np.tile(mean, (1, self.n_priors, n)) for n in (4, 2, 10)))

    def describe(self):
        return {"name": self.spec.name}


class Showing(Counting):
    """Shows the mean of each image, and an output."""

    def _run_intermediates(self, images, names):
        outputs = self._run(images)
        return {name: images.mean(axis=(1, 2, 3)).astype(np.float64) for name in names} | {
            "loc": outputs.loc
        }


def spec(**changes: Any) -> EngineSpec:
    """What a test's engine is asked to be."""
    return EngineSpec(**({"name": "test", "precision": "fp32", "device": "cpu"} | changes))


def images(n: int, value: float = 1.0) -> np.ndarray:
    """A batch of one value."""
    return np.full((n, 3, 320, 320), value, dtype=np.float32)
