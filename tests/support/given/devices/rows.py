"""Engines of devices with one fault each, as further rows of the catalogue.

A pytest plugin, `-p tests.support.given.devices.rows --engine=drops_tail-ncnn-vulkan-fp16`. Rows,
and not engines of a third party, because the row says which noise floor an engine is held to. A
faulty row copies what the honest one says, and its engine runs the honest one's, which is opened
once for all of them: a device in software takes many seconds to compile its kernels.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from retinaface.engines import catalogue
from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.opening import build_engine
from retinaface.network.outputs import RawOutputs

_HERE = "tests.support.given.devices.rows"
_NCNN = "tests.support.given.devices.ncnn"
_IREE = "tests.support.given.devices.iree"
# Faults of any device, by the class that has it.
_OF_ANY = {
    "honest": f"{_HERE}:Device",
    "reuses_buffers": f"{_HERE}:ReusesBuffers",
    "drops_tail": f"{_HERE}:DropsTail",
}
# Of a device, those that lie inside its runtime.
ENGINES = {
    "ncnn-vulkan-fp16": {
        "saturates": f"{_NCNN}:Saturates",
        "on_the_cpu": f"{_NCNN}:OnTheCpu",
    },
    "iree-cpu-fp16": {"saturates": f"{_IREE}:Saturates"},
}


def row(fault: str, engine: str) -> str:
    """Name the row of the catalogue with a fault of an engine."""
    return f"{fault}-{engine}"


def faults_of(engine: str) -> list[str]:
    """List the faults that an engine has rows for."""
    return [fault for fault in (_OF_ANY | ENGINES[engine]) if fault != "honest"]


class Device(Engine):
    """The honest engine under another name."""

    _opened: ClassVar[dict[EngineSpec, Engine]] = {}

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        name = spec.name.partition("-")[2]
        key = (name, spec.model, spec.max_batch)
        if key not in self._opened:
            location = catalogue.find_engine(name).factory
            self._opened[key] = build_engine(replace(spec, name=name), location)
        self._honest = self._opened[key]
        self.fixed_batch = self._honest.fixed_batch

    def _run(self, images):
        return self._honest._run(images)

    def describe(self):
        return self._honest.describe() | {"name": self.spec.name}


class ReusesBuffers(Device):
    """All images of a call share a buffer, which is fetched after the last of them."""

    def _run(self, images):
        outputs = super()._run(images)
        return RawOutputs(*(np.repeat(array[-1:], len(array), axis=0) for array in outputs))


class DropsTail(Device):
    """Runs images in pairs; one without another is not run, and nobody writes its rows."""

    def _run(self, images):
        n = len(images) - len(images) % 2 if len(images) > 1 else 1
        outputs = super()._run(images[:n])
        return RawOutputs(
            *(np.concatenate([a, np.zeros_like(a, shape=images.shape[:1] + a.shape[1:])[n:]])
              for a in outputs)
        )  # fmt: skip


def _add_rows() -> None:
    """Put the rows into the catalogue, and wherever it was imported by name."""
    old, rows = catalogue.BUILTIN, {}
    for engine, inside in ENGINES.items():
        for fault, factory in (_OF_ANY | inside).items():
            rows[row(fault, engine)] = replace(old[engine], factory=factory)
    new = MappingProxyType({**old, **rows})
    for module in list(sys.modules.values()):
        if getattr(module, "BUILTIN", None) is old:
            module.BUILTIN = new


def pytest_load_initial_conftests() -> None:
    """Add the rows before any option of a run is read."""
    _add_rows()
