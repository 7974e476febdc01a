"""The specification of an engine: what to open, on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinaface.typing import Precision, Scores


@dataclass(frozen=True)
class EngineSpec:
    """Specification of an engine.

    Attributes:
        name: `<runtime>-<device>-<precision>`, or a third party's own name.
        precision: Precision of the computation.
        device: `cpu`, `cuda`, ...
        model: The file to load or to build from, for runtimes that load one.
        given: The file that the user gave, where `model` is a copy of it in another form.
        engine_file: A prebuilt engine, for runtimes that build files; then nothing is built.
        build: Number of the build; another number builds again, to show whether builds differ.
        weights: Checkpoint, `embedded`, or None for the published one; for torch.
        max_batch: Most images in one call.
        height_px: Height of every input; None where it depends on the image.
        width_px: Width of every input; None where it depends on the image.
        threads: Threads of the runtime inside one call; None for the runtime's default.
        scores: What the file's second output holds: probabilities, or logits, of which `infer`
            makes probabilities.
        model_notes: What was read into the file, where its form is another exporter's.
        shares_cpus: Whether other threads prepare and finish images while it runs, as in `detect`.
            Then idle threads of the runtime should sleep, not spin, and few should wait at all.
        options: Further settings, different for each runtime.
    """

    name: str
    precision: Precision
    device: str
    model: Path | None = None
    given: Path | None = None
    engine_file: Path | None = None
    build: int = 1
    weights: str | Path | None = None
    max_batch: int = 32
    height_px: int | None = 320
    width_px: int | None = 320
    threads: int | None = None
    shares_cpus: bool = False
    scores: Scores = "probabilities"
    model_notes: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def form(self) -> dict[str, Any]:
        """Say in JSON types what is unusual about the file; empty where nothing is."""
        found: dict[str, Any] = {}
        if self.scores != "probabilities":
            found["scores"] = self.scores
        if self.model_notes:
            found["model_notes"] = list(self.model_notes)
        return found
