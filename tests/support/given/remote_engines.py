"""Engines for worker processes: they need NumPy alone, and some of them misbehave there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from tests.support.children import STUCK


class Plain(Engine):
    """Gives the mean of each image; as fast as its option `ms` says."""

    known_options: ClassVar = {"ms": "how long a call takes"}

    def _run(self, images: np.ndarray) -> RawOutputs:
        time.sleep(float(self.spec.options.get("ms", 0)) * 1e-3)
        n_priors = len(prior_boxes(*images.shape[2:]))
        mean = images.mean(axis=(1, 2, 3))[:, None, None]
        scores = np.full((len(images), n_priors, 2), 0.5, np.float32)
        return RawOutputs(
            np.broadcast_to(mean, (len(images), n_priors, 4)).copy(),
            scores,
            np.broadcast_to(mean, (len(images), n_priors, 10)).copy(),
        )

    def _run_intermediates(self, images, names):
        return {name: images.sum(axis=(2, 3)) for name in names}

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.spec.name,
            "device": "cpu",
            "precision": self.spec.precision,
            "runtime": "plain 1.0",
            "options": dict(self.spec.options),
        }


def plain_cpu_fp32(spec: EngineSpec) -> Engine:
    """An honest one."""
    return Plain(spec)


def unavailable_cpu_fp32(spec: EngineSpec) -> Engine:
    raise EngineUnavailable(f"{spec.name} needs a licence")


def dies_building_cpu_fp32(_spec: EngineSpec) -> Engine:
    print("cannot map device memory", file=sys.stderr, flush=True)
    os._exit(7)


def misbehaves_cpu_fp32(spec: EngineSpec) -> Engine:
    """Fails at the first inference, as its option `how` says."""
    return Misbehaves(spec)


class Misbehaves(Plain):
    known_options: ClassVar = {"how": "what it does wrong"}

    def _run(self, images):
        how = self.spec.options["how"]
        if how == "prints":  # where a careless runtime prints, protocols over stdout break
            os.write(1, b"[runtime] autotuning\n" * 5000)
        elif how == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif how == "hangs":
            time.sleep(600)
        elif how == "writes garbage":
            for fd in range(3, 64):  # whichever of them is the pipe
                try:
                    os.write(fd, b"what is this\n" * 100)
                except OSError:
                    continue
        elif how == "faults":
            raise EngineFault("device lost")
        elif how == "raises":
            raise KeyError("kernel")
        elif how == "nan":
            outputs = super()._run(images)
            outputs.loc[0, 0, 0] = np.nan
            return outputs
        return super()._run(images)


class Sticks(Plain):
    """Starts a process, as a runtime may, and is then stuck in C with its child."""

    known_options: ClassVar = {"folder": "where a file says that it is stuck"}

    def _run(self, images):
        subprocess.Popen([sys.executable, "-c", STUCK])
        (Path(self.spec.options["folder"]) / f"stuck-{os.getpid()}").touch()
        exec(STUCK)  # noqa: S102 - as it is written for other processes
        return super()._run(images)


def sticks_cpu_fp32(spec: EngineSpec) -> Engine:
    return Sticks(spec)
