"""An engine whose calls run on a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retinaface.cluster.workers import Workers
from retinaface.engines.base import Engine
from retinaface.engines.spec import EngineSpec
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

_CALL_S = 600.0


class ClusterEngine(Engine):
    """Gives what a record keeps of an engine: its description, and outputs of a few images."""

    def __init__(self, spec: EngineSpec, facts: Mapping[str, Any], workers: Workers) -> None:
        """Take the specification of the command's machine.

        Args:
            facts: Description of the engine on a worker.
        """
        # What it gives are probabilities: the worker's engine made them.
        super().__init__(replace(spec, scores="probabilities"))
        self._described, self._workers = dict(facts), workers

    def describe(self) -> dict[str, Any]:
        """Describe the engine as a worker does."""
        return dict(self._described)

    def _run(self, images: FloatArray) -> RawOutputs:
        from retinaface.cluster.worker import infer

        future = self._workers.submit(infer, images)
        what = f"a call for {len(images)} images"
        outputs: RawOutputs = self._workers.outcome(future, what, within_s=_CALL_S)
        return outputs
