"""Check and hold the target of a validation run: engines, pipelines, models, data, baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from retinaface.checks.int8.budgets import Budget
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.catalogue import BUILTIN, find_engine
from retinaface.engines.opening import check_named_options
from retinaface.errors import unknown
from retinaface.files import refuse_pointer
from retinaface.network.weights import WeightsChoice, embedded_weights, is_known
from retinaface.suite.options import TargetError, read_pairs
from retinaface.suite.reference_choice import ReferenceChoice, choose_reference, forms_of
from retinaface.suite.sources import DataChoice, choose_sources, embedded_data
from retinaface.typing import Scores
from retinaface.widerface.subsets import SUBSETS

# Engines that are tested when none is named: those of ONNX Runtime. They are compared with torch;
# every other runtime is an extra of its own, tested where somebody asks for it.
DEFAULT_ENGINES = tuple(name for name, entry in BUILTIN.items() if entry.is_default)


@dataclass(frozen=True)
class Target:
    """The engines, files and data to validate.

    Attributes:
        engines_named: Whether the user named them: then each must run.
        pipelines_named: Whether the user named them.
        batch: Most images in one call for accuracy; None for each pipeline's own.
        models: Exported files to judge; each engine takes the first that it can run. Empty: exports
            are made.
        model_notes: What was read into the models, and what they are compared with.
        reference: What exact outputs are made from.
        scores: What the second output of these files holds.
        engine_files: Prebuilt engines to judge; each engine whose builds are files takes the first
            that it can run, and none of the models.
        weights: What exports and references are made of.
        data: Images and their ground truth.
        weights_notes: What was removed, left out or converted to read them.
        sources_note: A line for the user where the embedded set steps in unasked; else empty.
        subset: Named part of the images.
        baseline: File or folder; None for `baselines/` of the checkout or of the package.
        soak_s: How long each engine is also run; None for not at all.
        budget: What INT8 may cost against FP32.
    """

    engines: tuple[str, ...] = DEFAULT_ENGINES
    engines_named: bool = False
    pipelines: tuple[str, ...] = tuple(PIPELINES)
    pipelines_named: bool = False
    batch: int | None = None
    models: tuple[Path, ...] = ()
    model_notes: tuple[str, ...] = ()
    reference: ReferenceChoice = field(default_factory=ReferenceChoice)
    scores: Scores = "probabilities"
    engine_files: tuple[Path, ...] = ()
    engine_options: Mapping[str, str] = field(default_factory=dict)
    weights: WeightsChoice = field(default_factory=embedded_weights)
    weights_notes: tuple[str, ...] = ()
    data: DataChoice = field(default_factory=embedded_data)
    sources_note: str = ""
    subset: str | None = None
    baseline: Path | None = None
    soak_s: float | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def has_files(self) -> bool:
        """Tell whether files are judged, which hold weights of their own."""
        return bool(self.models or self.engine_files)

    @property
    def has_embedded_weights(self) -> bool:
        """Tell whether what is judged was made from the weights of the embedded set."""
        if not self.models:
            return self.weights.is_embedded and not self.engine_files
        return self.reference.weights is not None and self.reference.weights.is_embedded

    @property
    def verdict_note(self) -> str:
        """Say on what the verdict rests, where that is not the user's data and a checkpoint."""
        parts = []
        if self.data.is_embedded:
            is_set = self.has_embedded_weights
            parts.append("embedded set" if is_set else "embedded pictures, no AP")
        if self.scores == "logits":
            parts.append("softmax by --scores logits")
        if self.reference.model is not None:
            parts.append("fidelity of the export not judged")
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Describe it for a record; JSON types."""
        return {
            "engines": list(self.engines),
            "pipelines": list(self.pipelines),
            "batch": self.batch,
            "models": [model.name for model in self.models],
            "engine_files": [file.name for file in self.engine_files],
            "scores": self.scores,
            "model_notes": list(self.model_notes),
            "engine_options": dict(self.engine_options),
            "weights": {
                "description": self.weights.description,
                "sha256": self.weights.sha256,
                "embedded": self.has_embedded_weights,
                "notes": list(self.weights_notes),
            },
            "data": {"embedded": self.data.is_embedded},
            "subset": self.subset,
        }

    def files_of(self, engine: str) -> tuple[Path, ...]:
        """List the prebuilt engines that an engine is offered."""
        return self.engine_files if find_engine(engine).builds_files else ()


def make_target(
    *,
    engines: tuple[str, ...] = (),
    pipelines: tuple[str, ...] = (),
    batch: int | None = None,
    models: tuple[Path, ...] = (),
    engine_files: tuple[Path, ...] = (),
    scores: Scores = "probabilities",
    engine_options: Sequence[str] = (),
    weights: str | None = None,
    widerface: str | None = None,
    ground_truth: str | None = None,
    subset: str | None = None,
    baseline: str = "auto",
    soak_s: float | None = None,
    budget: Budget | None = None,
) -> Target:
    """Check options before anything runs.

    Raises:
        TargetError: An unknown pipeline or subset, a file or folder that is not there.
        EngineUnavailable: An unknown engine.
        ManifestError: The manifest beside a model is damaged.
        ModelError: A model is damaged, or not of this network.
        WeightsError, DatasetError, AssetError: As `choose_sources` says.
    """
    _check_names(engines, pipelines, subset, scores)
    forms, notes = forms_of(models, engine_files, scores, engines)
    files = (*models, *engine_files)
    sources = choose_sources(weights, widerface, has_files=bool(files), ground_truth=ground_truth)
    tested = tuple(dict.fromkeys(engines)) or DEFAULT_ENGINES
    _check_engine_files(engine_files, tested, models, is_built_from_known=weights is not None)
    reference = choose_reference(models, forms, sources.weights, is_named=weights is not None)
    return Target(
        engines=tested,
        engines_named=bool(engines),
        pipelines=tuple(dict.fromkeys(pipelines)) or tuple(PIPELINES),
        pipelines_named=bool(pipelines),
        batch=batch,
        models=models,
        model_notes=(*notes, *filter(None, [reference.note])),
        reference=reference,
        scores=scores,
        engine_files=engine_files,
        engine_options=_engine_options(engine_options, tested),
        weights=reference.weights or sources.weights,
        weights_notes=_weights_notes(sources.weights),
        data=sources.data,
        sources_note="" if _holds_set(models, reference) else sources.note,
        subset=subset,
        baseline=_checked_baseline(baseline),
        soak_s=soak_s,
        budget=budget or Budget(),
    )


def _checked_baseline(baseline: str) -> Path | None:
    if baseline == "auto":
        return None
    if not (folder := Path(baseline).parent).is_dir():
        raise TargetError(f"--baseline {baseline}: there is no folder {folder}")
    return Path(baseline)


def _holds_set(models: Sequence[Path], reference: ReferenceChoice) -> bool:
    """Tell whether files have the weights of the embedded set: then nothing of it is missing."""
    return bool(models and reference.weights is not None and reference.weights.is_embedded)


def _weights_notes(weights: WeightsChoice) -> tuple[str, ...]:
    """Load a checkpoint that is not a known one before anything runs, where torch is here."""
    if is_known(weights.sha256):
        return ()
    try:
        from retinaface.network.checkpoint import load_model
    except ImportError:  # then nothing of the run loads it
        return ()
    return load_model(weights.source).notes


def _check_names(
    engines: Sequence[str], pipelines: Sequence[str], subset: str | None, scores: str
) -> None:
    for name in engines:
        find_engine(name)
    named = [("--pipeline", name, tuple(PIPELINES)) for name in pipelines]
    named += [("--subset", subset, SUBSETS)] if subset is not None else []
    for option, value, allowed in (*named, ("--scores", scores, get_args(Scores))):
        if value not in allowed:
            raise TargetError(unknown(f"unknown {option}", value, allowed))


def _engine_options(texts: Sequence[str], engines: Sequence[str]) -> dict[str, str]:
    """Read the options; every engine of the run must know them."""
    try:
        options = read_pairs(texts)
    except ValueError as error:
        raise TargetError(f"--engine-option {error}") from None
    for engine in engines if options else ():
        check_named_options(engine, options)
    return options


def _check_engine_files(
    files: Sequence[Path],
    engines: Sequence[str],
    models: Sequence[Path],
    *,
    is_built_from_known: bool,
) -> None:
    """Refuse builds that are missing, that no engine loads, or whose outputs are not known."""
    for file in files:
        if not file.is_file():
            raise TargetError(f"--engine-file {file} does not exist; give a built engine")
        refuse_pointer(file, TargetError)
        if not any(find_engine(name).builds_files for name in engines):
            having = [name for name, entry in BUILTIN.items() if entry.builds_files]
            raise TargetError(
                f"--engine-file {file}: {', '.join(engines)} load no prebuilt engines; name one "
                f"that does with --engine: {', '.join(having)}"
            )
        if not (is_built_from_known or models):
            raise TargetError(
                f"--engine-file {file}: its expected outputs are not known; give the checkpoint "
                "that it was built from with --weights, or with --model the ONNX file that has "
                "FILE.reference.npz beside it"
            )
