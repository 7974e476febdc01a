"""Read the files that a run was given, and choose what their outputs are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retinaface.engines.catalogue import BUILTIN
from retinaface.engines.specify import own_form
from retinaface.errors import RetinaFaceError
from retinaface.export.manifest import check_reference, read_manifest
from retinaface.files import refuse_pointer
from retinaface.foreign import foreign_problem
from retinaface.network.weights import WeightsChoice, embedded_weights
from retinaface.suite.options import TargetError
from retinaface.typing import Scores

# Norm of the difference over that of the weights: FP16 rounds by up to 0.0005, folding by less.
_EQUAL = 1e-3
# A layer farther away is of another training.
_NEAR = 0.1
# Where so many layers are near, the others were changed after training, and that is a fault.
_LEAST_NEAR = 0.5
_UNBOUND = "{} is taken by its name alone, since no manifest says to which file it belongs"


@dataclass(frozen=True)
class ReferenceChoice:
    """What exact outputs are made from: stored ones, else a file's own, else those of a checkpoint.

    Attributes:
        weights: The checkpoint that a file was made of, if it is known; torch runs it where neither
            of the others is there.
        file: Stored outputs, FILE.reference.npz.
        model: An ONNX file, whose own outputs in float64 are the exact ones.
        note: On what the choice rests; empty where it goes without saying.
    """

    weights: WeightsChoice | None = None
    file: Path | None = None
    model: Path | None = None
    note: str = ""


def forms_of(
    models: Sequence[Path],
    engine_files: Sequence[Path],
    scores: Scores,
    engines: Sequence[str],
) -> tuple[list[Path], list[str]]:
    """Give the form of each model that engines load, and what was read into it.

    Raises:
        TargetError: A model does not exist or comes from another network's checkpoint, or scores
            are said of no file.
        ManifestError: The manifest beside a model is damaged.
        ModelError: A model is damaged, or not of this network.
    """
    if scores == "logits" and not (models or engine_files):
        raise TargetError(
            "--scores logits says what a file gives, but none is named; add --model or "
            "--engine-file"
        )
    for model in models:
        if not model.exists():
            raise TargetError(f"--model {model} does not exist; give an exported file")
        refuse_pointer(model, TargetError)
        manifest = read_manifest(model)  # a damaged one is found before anything runs
        if manifest and (problem := foreign_problem(model, manifest.weights.sha256)):
            raise TargetError(f"--model {problem}")
    forms, notes = [], list[str]()
    has_theirs = any(n not in BUILTIN or BUILTIN[n].precision == "int8" for n in engines)
    for model in models:
        form, read = own_form(model, scores, takes_integers=has_theirs)
        forms.append(form)
        notes += [f"{model.name}: {note}" for note in read]
    return forms, notes


def choose_reference(
    models: Sequence[Path], adopted: Sequence[Path], weights: WeightsChoice, *, is_named: bool
) -> ReferenceChoice:
    """Choose the checkpoint that has a file's weights, else stored outputs, else the file itself.

    Args:
        models: The given files, the first of which decides.
        adopted: The forms of them that engines load.
        weights: Of the run.
        is_named: Whether the user named them; then they count whatever the file holds.

    Raises:
        ManifestError: The first file, or the stored outputs, are not those of the manifest.
    """
    if is_named or not models:
        return ReferenceChoice(weights)
    stored, manifest = stored_reference(models), read_manifest(models[0])
    made_of = None if manifest is None else manifest.weights.sha256
    by_manifest = next((one for one in _known(weights) if one.sha256 == made_of), None)
    name = models[0].name
    unbound = "" if stored is None or _is_bound(stored, models) else _UNBOUND.format(stored.name)
    if _is_missing("torch") and (stored is not None or _is_missing("onnx")):
        return ReferenceChoice(by_manifest, stored, note=unbound)
    if _is_missing("torch"):
        why = "torch is not here, and no FILE.reference.npz"
        return ReferenceChoice(model=adopted[0], note=_own_outputs(name, why))
    if (found := _by_weights(name, adopted[0], weights, by_manifest)) is not None:
        return found
    if stored is not None:
        note = f"{name} has weights of its own: {stored.name} beside it holds its exact outputs"
        return ReferenceChoice(file=stored, note="; ".join(filter(None, [note, unbound])))
    why = f"its weights are not those of {' or '.join(c.description for c in _known(weights))}"
    return ReferenceChoice(model=adopted[0], note=_own_outputs(name, why))


def stored_reference(models: Sequence[Path]) -> Path | None:
    """Find the first file of reference outputs beside one of the models.

    Raises:
        ManifestError: It is not the one that was written with a model: see `check_reference`.
    """
    paths = [model.with_suffix(".reference.npz") for model in models]
    # The FP16 file beside an FP32 file shares the reference of that one.
    paths += [model.with_suffix("").with_suffix(".reference.npz") for model in models]
    stored = next((path for path in paths if path.is_file()), None)
    if stored is not None:
        _is_bound(stored, models)
    return stored


def _is_bound(stored: Path, models: Sequence[Path]) -> bool:
    """Compare a reference with the manifests of all models; tell whether one holds its hash."""
    return any([check_reference(model, stored) for model in models])  # noqa: C419 - all of them


def _own_outputs(name: str, why: str) -> str:
    return (
        f"{name} is compared with its own outputs in float64, since {why}: the fidelity of the "
        "export is not judged; give its checkpoint with --weights"
    )


def _known(weights: WeightsChoice) -> Iterator[WeightsChoice]:
    """List checkpoints whose weights a file may have: the run's, and the embedded ones."""
    yield weights
    if not weights.is_embedded:
        yield embedded_weights()


def _by_weights(
    name: str, adopted: Path, weights: WeightsChoice, by_manifest: WeightsChoice | None
) -> ReferenceChoice | None:
    """Find the known checkpoint whose weights a file has: by its manifest, else by comparing."""
    if by_manifest is not None:
        return ReferenceChoice(by_manifest)
    compared = (
        _compared(name, adopted, candidate, is_run=candidate == weights)
        for candidate in _known(weights)
    )
    return next(filter(None, compared), None)


def _compared(
    name: str, adopted: Path, candidate: WeightsChoice, *, is_run: bool
) -> ReferenceChoice | None:
    """Compare a file's weights with a checkpoint's; None where they are of another training."""
    errors = _weight_errors(adopted, candidate)
    if not errors or sum(e <= _NEAR for e in errors) < _LEAST_NEAR * len(errors):
        return None
    n_different = sum(not e <= _EQUAL for e in errors)
    if n_different:
        note = (
            f"{n_different} of {len(errors)} convolutions of {name} differ from "
            f"{candidate.description}, by up to {max(errors):.2g} of their weights, and are judged "
            "against it; if it was trained further, give its checkpoint with --weights"
        )
        return ReferenceChoice(candidate, note=note)
    note = "" if is_run else f"{name} has the weights of {_called(candidate)}"
    return ReferenceChoice(candidate, note=note)


def _called(weights: WeightsChoice) -> str:
    return "the embedded set" if weights.is_embedded else weights.description


def _weight_errors(model: Path, candidate: WeightsChoice) -> list[float]:
    """Compare convolution by convolution, batch norms folded; empty where they do not match up."""
    from retinaface.export.layer_match import match_convolutions
    from retinaface.network.checkpoint import load_model

    try:
        matches = match_convolutions(load_model(candidate.source).model, model)
    except RetinaFaceError:
        return []
    return [match.weight_error for match in matches]


def _is_missing(package: str) -> bool:
    import importlib

    try:
        importlib.import_module(package)
    except ImportError:
        return True
    return False
