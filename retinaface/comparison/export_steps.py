"""Which step of making a file moved: checkpoint, export, simplification, precision; the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinaface.records.schema import ModelFile

_STEPS, FILE = ("checkpoint", "export", "simplification", "precision"), "file"
SAME, MOVED, FOLLOWS, UNKNOWN = "same", "MOVED", "follows", "unknown"


@dataclass(frozen=True)
class Stage:
    """One stage of two results.

    Attributes:
        name: Of the stage.
        state: `same`; `MOVED`: it gives something else for the same input; `follows`: it differs
            only because what it was given does; `unknown`: the records do not tell.
        text: What was compared, and by how much it differs.
    """

    name: str
    state: str
    text: str


def file_stages(models: Sequence[ModelFile | None]) -> list[Stage]:
    """Checkpoint, export, simplification, precision: from the manifests; and the file itself."""
    files = [identity(model) for model in models if model is not None]
    if len(files) == 2 and files[0] == files[1]:
        text = f"the same file was run, {files[0]}"
        return [Stage(name, SAME, text) for name in (*_STEPS, FILE)]
    steps = _manifest_stages(models)
    if len(files) < 2:
        text = "neither run names a file" if not files else "one run alone names a file"
        return [*steps, Stage(FILE, UNKNOWN, text)]
    text = f"other bytes: {files[0]} -> {files[1]}"
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
    manifests = [(model.manifest if model is not None else None) or {} for model in models]
    if not all(manifests):
        text = "a file has no manifest of its own bytes beside it"
        return [Stage(name, UNKNOWN, text) for name in _STEPS]
    weights = [manifest["weights"]["sha256"] for manifest in manifests]
    options = [manifest["options"] for manifest in manifests]
    steps = [manifest.get("steps", {}) for manifest in manifests]
    stages = [_stage_of_step("checkpoint", *(str(sha)[:16] for sha in weights), moved_before=False)]
    moved = stages[0].state == MOVED
    for name, step in (("export", "exported"), ("simplification", "simplified")):
        stages.append(_graph_stage(name, step, steps, manifests, moved_before=moved))
        moved = moved or stages[-1].state == MOVED
    kinds = [f"{option['precision']}, I/O {option['io']}" for option in options]
    stages.append(_stage_of_step("precision", *kinds, moved_before=False))
    return stages


def _stage_of_step(name: str, one: str, other: str, *, moved_before: bool) -> Stage:
    if one == other:
        return Stage(name, SAME, one)
    return Stage(name, FOLLOWS if moved_before else MOVED, f"{one} -> {other}")


def _graph_stage(
    name: str,
    step: str,
    steps: Sequence[Mapping[str, Any]],
    manifests: Sequence[Mapping[str, Any]],
    *,
    moved_before: bool,
) -> Stage:
    """A step of the export: the same graph, another one, or a step that one side left out."""
    facts = [side.get(step) for side in steps]
    if facts == [None, None]:
        text = "neither was simplified" if step == "simplified" else "the manifests do not tell"
        return Stage(name, SAME if step == "simplified" else UNKNOWN, text)
    if facts[0] is None or facts[1] is None:
        which = "new" if facts[0] is None else "old"
        return Stage(name, MOVED, f"only the {which} run has this step")
    if facts[0]["sha256"] == facts[1]["sha256"]:
        return Stage(name, SAME, f"{sum(facts[0]['operators'].values())} nodes")
    text = operator_difference(facts[0]["operators"], facts[1]["operators"])
    versions = _versions(manifests)
    state = FOLLOWS if moved_before else MOVED
    return Stage(name, state, f"{text}{'; ' if versions else ''}{versions}")


def operator_difference(ours: Mapping[str, int], theirs: Mapping[str, int]) -> str:
    """Operators whose number differs; or that none does."""
    parts = [
        f"{name} {ours.get(name, 0)} -> {theirs.get(name, 0)}"
        for name in sorted({*ours, *theirs})
        if ours.get(name, 0) != theirs.get(name, 0)
    ]
    return ", ".join(parts) or "the same operators with other attributes or weights"


def _versions(manifests: Sequence[Mapping[str, Any]]) -> str:
    ours, theirs = (
        {**manifest["versions"], "opset": manifest["options"]["opset"]} for manifest in manifests
    )
    return ", ".join(
        f"{name} {ours.get(name)} -> {theirs.get(name)}"
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    )
