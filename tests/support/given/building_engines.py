"""Engines whose builds are files, and one that tells its run apart; each honest, or with one fault.

Named as a third party's: `tests.support.given.building_engines:<name>`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build
from retinaface.engines.staged import StagedEngine
from retinaface.network.outputs import RawOutputs
from tests.support.given.faulty_engines import Wrapped


class Builds(Wrapped):
    """Builds are equal in every byte: the ONNX file itself, with a name of its own."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.built_file = spec.engine_file or cached_build(
            spec, spec.model, ".build", {"kind": type(self).__name__}, self.write
        )

    def write(self, path: Path) -> None:
        path.write_bytes(self.spec.model.read_bytes())


class BuildsDiffer(Builds):
    """Builds differ in a byte that does nothing."""

    def write(self, path):
        path.write_bytes(self.spec.model.read_bytes() + bytes([self.spec.build]))


class SecondIsWrong(BuildsDiffer):
    """As a compiler that takes a kernel with a fault the second time."""

    def changed(self, outputs, images):
        if self.spec.build == 1:
            return outputs
        return outputs._replace(scores=np.ascontiguousarray(outputs.scores[..., ::-1]))


class SecondIsFirst(Builds):
    """Whichever build is asked for, the first is given."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.built_file = spec.model


class Staged(StagedEngine, Wrapped):
    """Loads, runs and fetches one after the other."""

    def _load(self, images):
        self.loaded = images

    def _execute(self):
        self.outputs = Wrapped._run(self, self.loaded)

    def _fetch(self):
        return RawOutputs(*(array.copy() for array in self.outputs))

    def describe(self):
        placement = {"provider": "an accelerator", "fallback": []}
        return super().describe() | {"device": self.spec.device, "placement": placement}


class DoesNotWait(Staged):
    """The run returns at once; whoever fetches its outputs waits for it."""

    def _execute(self):
        self.outputs = None

    def _fetch(self):
        if self.outputs is None:
            self.outputs = Wrapped._run(self, self.loaded)
        return super()._fetch()


builds_cpu_fp32 = Builds
builds_differ_cpu_fp32 = BuildsDiffer
second_is_wrong_cpu_fp32 = SecondIsWrong
second_is_first_cpu_fp32 = SecondIsFirst
staged_cuda_fp32 = Staged
does_not_wait_cuda_fp32 = DoesNotWait
