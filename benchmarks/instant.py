"""An engine that answers at once, so that all else shows; workers of a cluster import it by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from retinaface.detection import detector
from retinaface.engines.base import Engine, EngineSpec
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes

NAME = "benchmarks.instant:InstantEngine"
# Detections that stay after suppression are fewer.
_N_CANDIDATES = 100


class InstantEngine(Engine):
    """Gives the same outputs for every image: 100 candidates with scores from 0.1 to 0.9.

    With the option `decoding=remembered` its process decodes and prepares each picture once, and
    copies it from memory whenever it comes again.
    """

    known_options: ClassVar[Mapping[str, str]] = {"decoding": "remembered: each picture once"}

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._runtime = "instant 1"
        n_priors = len(prior_boxes(320, 320))
        shapes = ((spec.max_batch, n_priors, k) for k in (4, 2, 10))
        self._outputs = [np.zeros(shape, np.float32) for shape in shapes]
        chosen = np.linspace(0, n_priors - 1, _N_CANDIDATES).astype(int)
        self._outputs[1][:, chosen, 1] = np.linspace(0.1, 0.9, _N_CANDIDATES)
        if spec.options.get("decoding") == "remembered":
            _remember()

    def _run(self, images: np.ndarray) -> RawOutputs:
        return RawOutputs(*(array[: len(images)] for array in self._outputs))


def _remember() -> None:
    """Replace decoding and preparing in this process by look-ups; keys are names, not contents."""
    decode, prepare = detector.decode_image, detector.preprocess
    ready: dict[int, Any] = {}
    by_name: dict[str, Any] = {}

    def decode_once(data: bytes, name: str) -> Any:
        if name not in by_name:
            by_name[name] = decode(data, name)
        return by_name[name]

    def prepare_once(image: Any, pipeline: Any, out: Any = None) -> Any:
        if id(image) not in ready:
            ready[id(image)] = prepare(image, pipeline)
        tensor, geometry = ready[id(image)]
        out[:] = tensor
        return out, geometry

    detector.decode_image, detector.preprocess = decode_once, prepare_once
