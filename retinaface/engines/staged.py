"""Split a call of an engine into three steps: input to the device, the run, outputs back."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray


def mean_seconds(
    start: Callable[[], object], n: int, wait: Callable[[], object] | None = None
) -> float:
    """Start a run n times, and wait once for all of them; gives the seconds of one on average."""
    started = time.perf_counter_ns()
    for _ in range(n):
        start()
    if wait is not None:
        wait()
    return (time.perf_counter_ns() - started) * 1e-9 / n


class StagedEngine(Engine):
    """An engine with separate steps `load`, `execute`, `fetch`; vendors time only the run.

    A subclass implements `_load`, `_execute` and `_fetch`; `infer` runs the three in a row.
    Runtimes that read the caller's memory in place, as on a CPU, have no separate steps.
    `_run_back_to_back` is optional: a runtime whose runs need no wait between them overrides it.

    Attributes:
        n_vendor_warm_up: Runs that the maker's own scripts make before those they time.
        n_vendor_runs: Runs that they time together.
    """

    n_vendor_warm_up: int = 3
    n_vendor_runs: int = 20

    def load(self, images: FloatArray) -> None:
        """Copy a batch to where the device reads it.

        Args:
            images: See `infer`.

        Raises:
            TypeError: `images` is not float32.
            ValueError: `images` has another shape or more images than a fixed batch, or the engine
                is closed.
            EngineFault: The runtime failed.
        """
        batch = self._checked_batch(images)
        if self.fixed_batch is not None and len(batch) > self.fixed_batch:
            raise ValueError(
                f"{self.spec.name}: load takes at most the {self.fixed_batch} images of one run, "
                f"got {len(batch)}; infer runs more in parts"
            )
        self._n_loaded, self._size_px = len(images), images.shape[2:]
        with self._faults(f"loading {len(images)} images"):
            self._load(batch)

    def execute(self) -> None:
        """Run on the loaded batch, and return when the device is done; may be called again.

        Raises:
            ValueError: No batch was loaded.
            EngineFault: The runtime failed.
        """
        self._needs_input()
        with self._faults(f"running {self._n_loaded} images"):
            self._execute()

    def run_back_to_back(self, n: int) -> float:
        """Run n times on the loaded batch, and wait for the device once, at the end.

        Returns:
            Seconds of one run, on average; no copies are among them.

        Raises:
            ValueError: No batch was loaded, or n is less than 1.
            EngineFault: The runtime failed.
        """
        self._needs_input()
        if n < 1:
            raise ValueError(f"{self.spec.name}: expected at least 1 run, got {n}")
        with self._faults(f"running {self._n_loaded} images {n} times"):
            return self._run_back_to_back(n)

    def fetch(self) -> RawOutputs:
        """Copy the outputs of the last run; float32, owned by the caller.

        Raises:
            ValueError: No batch was loaded.
            EngineFault: The runtime failed, or the outputs' shapes do not match the priors.
        """
        self._needs_input()
        with self._faults(f"fetching outputs of {self._n_loaded} images"):
            outputs = RawOutputs(*(np.asarray(output) for output in self._fetch()))
        return self._check_outputs(outputs, self._n_loaded, self._size_px)

    def _run(self, images: FloatArray) -> RawOutputs:
        self._load(images)
        self._execute()
        return self._fetch()

    def _run_back_to_back(self, n: int) -> float:
        """Time n runs, each of which waits for the device; a subclass may wait once."""
        return mean_seconds(self._execute, n)

    _n_loaded = 0
    _size_px: tuple[int, ...] = ()

    def _needs_input(self) -> None:
        if self._closed or not self._n_loaded:
            why = "after close" if self._closed else "before load"
            raise ValueError(f"{self.spec.name}: run {why}; load a batch first")

    @abstractmethod
    def _load(self, images: FloatArray) -> None:
        """Copy a checked, contiguous batch to where the device reads it."""

    @abstractmethod
    def _execute(self) -> None:
        """Run, and wait for the device."""

    @abstractmethod
    def _fetch(self) -> RawOutputs:
        """Copy the outputs from the device."""
