"""Engines for runs on a cluster, which workers import by name."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.network.outputs import RawOutputs
from tests.support.widerface import Finder, FreeFinder


class Spotter(Finder):
    """Finds boxes whose scores depend on the image and on its place in the batch."""

    known_options: ClassVar[dict[str, str]] = {
        "dir": "folder of what happened",
        "act": "what happens",
        "at": "at which call",
    }

    def __init__(self, spec: Any) -> None:
        super().__init__(spec)
        self._n_calls = 0
        self._runtime = spec.options.get("runtime", "spotter 1")

    def describe(self) -> dict[str, Any]:
        return {"name": self.spec.name, "runtime": self._runtime, "precision": "fp32"}

    def _run(self, images: np.ndarray) -> RawOutputs:
        self.batches.clear()
        self._misbehave()
        outputs = super()._run(images)
        shades = _shades(images) / 10
        for column in range(0, 4000, 400):
            outputs.scores[:, column, 1] = 0.3 + shades + column / 10000
        outputs.scores[:, 11, 1] = 0.05 + np.arange(len(images)) / 1000 + len(images) / 100
        return outputs

    def _misbehave(self) -> None:
        self._n_calls += 1
        options = self.spec.options
        if self._n_calls != int(options.get("at", 2)):
            return
        act, once = options.get("act"), Path(options.get("dir", ".")) / "happened"
        if act == "full-disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if act == "die-always":
            os.kill(os.getpid(), signal.SIGKILL)
        if act in ("die", "hang") and _first(once):
            if act == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)


class FreeSpotter(FreeFinder):
    """The same for inputs of any size."""

    def __init__(self, spec: Any) -> None:
        super().__init__(**{f: getattr(spec, f) for f in ("name", "precision", "device")})

    def _run(self, images: np.ndarray) -> RawOutputs:
        self.batches.clear()
        outputs = super()._run(images)
        outputs.scores[:, 40, 1] = 0.1 + 0.8 * _shades(images)
        return outputs


def _shades(images: np.ndarray) -> np.ndarray:
    """Give a number in [0, 1) for each image; not a mean, whose last bits depend on alignment."""
    middle = images[:, 1, images.shape[2] // 2, images.shape[3] // 2]
    return (np.abs(middle) % 97) / np.float32(97)


def _first(path: Path) -> bool:
    """Tell whether no process has been here, and leave this one's number."""
    try:
        with path.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True
