"""Open the engines of a run, once for each input size, from the files that the run names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.suite.target import Target
from retinaface.typing import Scores

FIXED_SIZE = (320, 320)
_MAX_BATCH = 32


class EnginePool:
    """Opens engines by name and keeps them until it is closed."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._opening_s = 0.0
        self._open: dict[tuple[str, Path | None, tuple[int, int] | None, bool], Engine] = {}

    def get(
        self,
        name: str,
        *,
        model: Path | None = None,
        size_px: tuple[int, int] | None = FIXED_SIZE,
        shares_cpus: bool = False,
    ) -> Engine:
        """Give an open engine, shared: the caller does not close it.

        Args:
            name: As in `open_engine`.
            model: The file to load; None for the run's.
            size_px: Height and width of every input; None where they follow the image.
            shares_cpus: Whether threads work beside it; the same engine where that is all one.

        Raises:
            EngineUnavailable: It cannot run here, or runs none of the files.
        """
        if shares_cpus:
            engine = self.get(name, model=model, size_px=size_px)
            shares_cpus = engine.shares_in_calls and engine.spec.device == "cpu"
        key = name, model, size_px, shares_cpus
        if key not in self._open:
            self._open[key] = self.open(name, model=model, size_px=size_px, shares_cpus=shares_cpus)
        return self._open[key]

    def open(
        self,
        name: str,
        *,
        model: Path | None = None,
        size_px: tuple[int, int] | None = FIXED_SIZE,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        build: int = 1,
        max_batch: int | None = None,
        shares_cpus: bool = False,
    ) -> Engine:
        """Open a new engine, which the caller closes; see `get`, and `open_engine` for the rest."""
        started = time.monotonic()
        try:
            return self._first_that_opens(
                name,
                model,
                build=build,
                weights=self.target.weights.source,
                max_batch=max_batch or max(_MAX_BATCH, self.target.batch or 1),
                input_size_px=size_px,
                threads=threads,
                shares_cpus=shares_cpus,
                options={**self.target.engine_options, **(options or {})},
            )
        finally:
            self._opening_s += time.monotonic() - started

    def take_opening_s(self) -> float:
        """Give the seconds of opening engines, exports and builds included, since the last call."""
        seconds, self._opening_s = self._opening_s, 0.0
        return seconds

    def _first_that_opens(self, name: str, model: Path | None, **how: Any) -> Engine:
        problems = []
        for files in self._files(name, model):
            try:
                return open_engine(
                    name,
                    model=files.get("model"),
                    engine_file=files.get("engine_file"),
                    scores=self._scores(files),
                    **how,
                )
            except EngineUnavailable as error:
                problems.append(str(error))
        raise EngineUnavailable("; ".join(problems))

    def other_batch(self, name: str, batch: int) -> str | None:
        """Say which batch an engine runs, where that is another one; None if it runs this one.

        A call with fewer images takes such an engine as long, and one with more is several calls.

        Raises:
            EngineUnavailable: It cannot run here.
        """
        fixed = self.get(name).fixed_batch
        if fixed in (None, batch):
            return None
        return (
            f"{name} runs batches of {fixed} alone and is timed at them; to time batches of "
            f"{batch}, name a file that takes them, or have one built: --engine-option "
            f"batch={batch}"
        )

    def _scores(self, files: Mapping[str, Path]) -> Scores:
        """Say what a file gives: those of the run what the user says, exports probabilities."""
        given = {*self.target.models, *self.target.engine_files}
        return self.target.scores if given & {*files.values()} else "probabilities"

    def _files(self, name: str, model: Path | None) -> list[dict[str, Path]]:
        """List what to try in turn: `model` or `engine_file` of `open_engine`, or neither."""
        if model is not None:
            return [{"model": model}]
        if files := self.target.files_of(name):
            return [{"engine_file": file} for file in files]
        if self.target.models and find_engine(name).loads_onnx:
            return [{"model": file} for file in self.target.models]
        return [{}]

    def close(self) -> None:
        """Close every engine that was opened by `get`."""
        while self._open:
            self._open.popitem()[1].close()
