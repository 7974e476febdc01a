"""Find which step of making a file moved: checkpoint, export, simplification, precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinaface.records.schema import ModelFile

SAME, MOVED, FOLLOWS, UNKNOWN = "same", "MOVED", "follows", "unknown"


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
    """Compare checkpoint, export, simplification and precision by the manifests of the exports."""
    names = ("checkpoint", "export", "simplification", "precision")
    sha256s = [model.sha256 for model in models if model is not None]
    if len(sha256s) == 2 and sha256s[0] == sha256s[1]:
        return [Stage(name, SAME, "the same file was run") for name in names]
    manifests = [(model.manifest if model is not None else None) or {} for model in models]
    if not all(manifests):
        return [Stage(name, UNKNOWN, "a file has no manifest beside it") for name in names]
    weights = [manifest["weights"]["sha256"] for manifest in manifests]
    options = [manifest["options"] for manifest in manifests]
    steps = [manifest.get("steps") for manifest in manifests]
    stages = [_checkpoint_stage(weights)]
    moved = stages[0].state == MOVED
    for name, step in (("export", "exported"), ("simplification", "simplified")):
        stages.append(_graph_stage(name, step, steps, manifests, moved_before=moved))
        moved = moved or stages[-1].state == MOVED
    kinds = [f"{option['precision']}, I/O {option['io']}" for option in options]
    stages.append(_stage_of_step("precision", *kinds, moved_before=False))
    return stages


def _checkpoint_stage(sha256s: Sequence[str | None]) -> Stage:
    ours, theirs = sha256s
    if ours is None or theirs is None:
        return Stage("checkpoint", UNKNOWN, "a manifest does not name its weights")
    return _stage_of_step("checkpoint", ours[:16], theirs[:16], moved_before=False)


def _stage_of_step(name: str, one: str, other: str, *, moved_before: bool) -> Stage:
    if one == other:
        return Stage(name, SAME, one)
    return Stage(name, FOLLOWS if moved_before else MOVED, f"{one} -> {other}")


def _graph_stage(
    name: str,
    step: str,
    steps: Sequence[Mapping[str, Any] | None],
    manifests: Sequence[Mapping[str, Any]],
    *,
    moved_before: bool,
) -> Stage:
    """Compare a step of the export: the graphs agree, differ, or one side left the step out."""
    facts = [None if side is None else side.get(step) for side in steps]
    if None in steps or (facts == [None, None] and step != "simplified"):
        return Stage(name, UNKNOWN, "a manifest does not describe this step")
    if facts == [None, None]:
        return Stage(name, SAME, "neither was simplified")
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
    """List operators whose number differs, or say that none does."""
    parts = [
        f"{name} {ours.get(name, 0)} -> {theirs.get(name, 0)}"
        for name in sorted({*ours, *theirs})
        if ours.get(name, 0) != theirs.get(name, 0)
    ]
    return ", ".join(parts) or "the same operators with different attributes or weights"


def _versions(manifests: Sequence[Mapping[str, Any]]) -> str:
    ours, theirs = (
        {**manifest["versions"], "opset": manifest["options"]["opset"]} for manifest in manifests
    )
    return ", ".join(
        f"{name} {ours.get(name)} -> {theirs.get(name)}"
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    )
