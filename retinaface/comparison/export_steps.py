"""Find which step of making a file moved: checkpoint, export and so on; and the file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retinaface.export.manifest import GraphFacts, Manifest
from retinaface.records.schema import ModelFile

_STEPS, FILE = ("checkpoint", "export", "simplification", "precision"), "file"
SAME, MOVED, FOLLOWS, UNKNOWN = "same", "MOVED", "follows", "unknown"
# What it means that neither side has a step.
_UNTOLD = UNKNOWN, "a manifest does not describe this step"
_NOT_SIMPLIFIED = SAME, "neither was simplified"


@dataclass(frozen=True)
class Stage:
    """One stage of two results.

    Attributes:
        state: `same`; `MOVED`: its results differ for the same input; `follows`: they differ only
            because its inputs do; `unknown`: the records hold too little.
        text: What was compared, and by how much it differs.
    """

    name: str
    state: str
    text: str


def file_stages(models: Sequence[ModelFile | None]) -> list[Stage]:
    """Compare checkpoint, export, simplification, precision by the manifests, and the files."""
    files = [identity(model) for model in models if model is not None]
    if len(files) == 2 and files[0] == files[1]:
        text = f"the same file was run, {files[0]}"
        return [Stage(name, SAME, text) for name in (*_STEPS, FILE)]
    steps = _manifest_stages(models)
    if len(files) < 2:
        text = "one run names no file" if files else "neither run names a file"
        return [*steps, Stage(FILE, UNKNOWN, text)]
    text = f"different bytes: {files[0]} -> {files[1]}"
    if any(stage.state == MOVED for stage in steps):
        return [*steps, Stage(FILE, FOLLOWS, text)]
    is_told = all(stage.state == SAME for stage in steps)
    why = "though each step before is the same" if is_told else "and no manifest says why"
    why += ": edited after its export, or made elsewhere"
    return [*steps, Stage(FILE, MOVED, f"{text}, {why}")]


def identity(model: ModelFile) -> str:
    """Name a file by its content: the graph, and the weights beside it where it has some."""
    parts = [model.sha256[:16], *(f"{name} {sha[:16]}" for name, sha in model.weights.items())]
    return " with ".join(parts)


def _manifest_stages(models: Sequence[ModelFile | None]) -> list[Stage]:
    old, new = (model.manifest if model is not None else None for model in models)
    if old is None or new is None:
        problems = [model.manifest_problem for model in models if model is not None]
        text = next(filter(None, problems), "a file has no manifest of its own bytes beside it")
        return [Stage(name, UNKNOWN, text) for name in _STEPS]
    weights = [manifest.weights.sha256[:16] for manifest in (old, new)]
    stages = [_stage_of_step("checkpoint", *weights, moved_before=False)]
    moved = stages[0].state == MOVED
    exported = old.steps.exported, new.steps.exported
    for name, graphs, absent in (
        ("export", exported, _UNTOLD),
        ("simplification", (old.steps.simplified, new.steps.simplified), _NOT_SIMPLIFIED),
    ):
        if None in exported:  # a manifest of before there were steps
            stage = Stage(name, *_UNTOLD)
        else:
            stage = _graph_stage(name, graphs, absent, _versions(old, new), moved_before=moved)
        stages.append(stage)
        moved = moved or stage.state == MOVED
    kinds = [f"{asked.precision}, I/O {asked.io}" for asked in (old.options, new.options)]
    stages.append(_stage_of_step("precision", *kinds, moved_before=False))
    return stages


def _stage_of_step(name: str, one: str, other: str, *, moved_before: bool) -> Stage:
    if one == other:
        return Stage(name, SAME, one)
    return Stage(name, FOLLOWS if moved_before else MOVED, f"{one} -> {other}")


def _graph_stage(
    name: str,
    graphs: tuple[GraphFacts | None, GraphFacts | None],
    absent: tuple[str, str],
    versions: str,
    *,
    moved_before: bool,
) -> Stage:
    """Compare a step of the export: the graphs agree, differ, or one side left the step out."""
    old, new = graphs
    if old is None or new is None:
        if old is new:
            return Stage(name, *absent)
        which = "new" if old is None else "old"
        return Stage(name, MOVED, f"only the {which} run has this step")
    if old.sha256 == new.sha256:
        return Stage(name, SAME, f"{sum(old.operators.values())} nodes")
    text = operator_difference(old.operators, new.operators)
    state = FOLLOWS if moved_before else MOVED
    return Stage(name, state, f"{text}{'; ' if versions else ''}{versions}")


def operator_difference(ours: Mapping[str, int], theirs: Mapping[str, int]) -> str:
    """List operators whose number differs, or say that none does."""
    parts = [
        f"{name} {ours.get(name, 0)} -> {theirs.get(name, 0)}"
        for name in sorted({*ours, *theirs})
        if ours.get(name, 0) != theirs.get(name, 0)
    ]
    return ", ".join(parts) or "the same operators with different attributes or weights"


def _versions(old: Manifest, new: Manifest) -> str:
    ours, theirs = (
        {**manifest.versions, "opset": str(manifest.options.opset)} for manifest in (old, new)
    )
    return ", ".join(
        f"{name} {ours.get(name)} -> {theirs.get(name)}"
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    )
