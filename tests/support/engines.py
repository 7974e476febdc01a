"""Engines without a runtime for tests, their specifications and their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.config import OUTPUT_NAMES
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
    """Make the specification of a test's engine."""
    return EngineSpec(**({"name": "test", "precision": "fp32", "device": "cpu"} | changes))


def images(n: int, value: float = 1.0) -> np.ndarray:
    """Make a batch of one value."""
    return np.full((n, 3, 320, 320), value, dtype=np.float32)


def noise(n: int, seed: int = 0) -> np.ndarray:
    """Make a batch of different images, spread as pixels minus the mean are."""
    return np.random.default_rng(seed).normal(0, 60, (n, 3, 320, 320)).astype(np.float32)


def outputs_of(model: Path, batch: np.ndarray) -> list[np.ndarray]:
    """Run a file with ONNX Runtime: other engines should give the same."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return session.run(list(OUTPUT_NAMES), {"input": batch})


def assert_near(
    outputs: Sequence[np.ndarray], expected: Sequence[np.ndarray], atol: float = 1e-5
) -> None:
    """Check that three outputs are near what they should be."""
    for actual, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=atol)


def assert_refused(name: str, text: str, **settings: Any) -> str:
    """Check that an engine is refused in one line that holds a text, and give the line."""
    with pytest.raises(EngineUnavailable) as caught:
        open_engine(name, **settings)
    message = str(caught.value)
    assert text in message, message
    assert len(message.splitlines()) == 1
    return message
