"""Compare the circumstances of two runs, fact by fact; a fact that one side lacks is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retinaface.comparison.pairs import matched_pairs
from retinaface.records.read import Run
from retinaface.records.schema import Result

# Facts that differ between any two runs, and names of files whose content is compared.
_NOT_COMPARED = ("implementation", "build_s", "model")
# Mappings that list all there is: where one is recorded, a name that it lacks is a fact as well.
_ABSENT = {"packages": "not installed", "threads": "not set", "options": "not set"}
_NONE = "none"
_COMMIT, _WEIGHTS = "retinaface commit", "weights"
SIDES = ("old", "new")


@dataclass(frozen=True)
class EnvironmentDifference:
    """One fact that both runs describe, and differently."""

    key: str
    old: str
    new: str


@dataclass(frozen=True)
class UnknownFact:
    """One fact that only one run describes.

    Attributes:
        side: `old` or `new`: the run that does not describe it.
    """

    key: str
    side: str


class FactComparison(NamedTuple):
    """Facts that two sides describe differently, and facts that only one of them describes."""

    differences: list[EnvironmentDifference]
    unknown: list[UnknownFact]


@dataclass
class _Facts:
    """The facts of one side by their path, and by path the mappings that list all there is."""

    known: dict[str, str] = field(default_factory=dict)
    complete: dict[str, str] = field(default_factory=dict)

    def add(self, facts: Mapping[str, Any], prefix: str = "", none: str | None = None) -> None:
        """Add nested facts.

        Args:
            facts: JSON types.
            prefix: Of their paths.
            none: Stands for None; without it None is not known.
        """
        for key, value in facts.items():
            path = f"{prefix}{key}"
            if key in _NOT_COMPARED:
                continue
            if isinstance(value, Mapping):
                if key in _ABSENT:
                    self.complete[path] = _ABSENT[key]
                self.add(value, f"{path}/", none)
            elif (text := none if value is None else _text(value)) is not None:
                self.known[path] = text

    def get(self, path: str) -> str | None:
        """Give a fact; None where it is not known."""
        return self.known.get(path, self.complete.get(path.rpartition("/")[0]))


def compare_environments(old: Run, new: Run) -> FactComparison:
    """Compare the facts of two runs, nested ones by their path.

    They are facts of the machine, the checkout, the weights, and of each pair of results the
    engine's description and the model. What neither run describes, and what two different engines
    do not both describe of themselves, is not listed.
    """
    sides = _run_facts(old), _run_facts(new)
    own: set[str] = set()  # prefixes of facts that belong to different engines
    for pair in matched_pairs(old, new):
        if not all(result.engine for result in pair.results):
            continue
        for facts, result in zip(sides, pair.results, strict=True):
            _add_result(facts, pair.name, result)
        if pair.ids[0] != pair.ids[1]:
            own.add(f"{pair.name}: engine/")
    found = _compare(sides)
    unknown = [fact for fact in found.unknown if not fact.key.startswith(tuple(own))]
    return FactComparison(found.differences, unknown)


def compare_descriptions(
    environments: Sequence[Mapping[str, Any]], engines: Sequence[Mapping[str, Any]]
) -> FactComparison:
    """Compare two environments and engines.

    Args:
        environments: Two, as `environment.describe_environment` gives them.
        engines: Two, as `Engine.describe` gives them.
    """
    sides = _Facts(), _Facts()
    for facts, environment, engine in zip(sides, environments, engines, strict=True):
        facts.add(environment)
        facts.add(engine, "engine/", _NONE)
    return _compare(sides)


def _compare(sides: tuple[_Facts, _Facts]) -> FactComparison:
    found = FactComparison([], [])
    for key in dict.fromkeys([*sides[0].known, *sides[1].known]):
        before, after = (facts.get(key) for facts in sides)
        if before is None or after is None:
            found.unknown.append(UnknownFact(key, SIDES[before is not None]))
        elif before != after:
            if key == "cpu_flags":
                before, after = _only(before, after), _only(after, before)
            found.differences.append(EnvironmentDifference(key, before, after))
    return found


def _only(flags: str, others: str) -> str:
    """List the flags that only one of two processors has."""
    return " ".join(sorted({*flags.split()} - {*others.split()})) or "none beyond"


def _run_facts(run: Run) -> _Facts:
    facts = _Facts()
    facts.add(run.environment)
    weights = run.record.target.weights if run.record.target is not None else None
    sha256 = weights.sha256 if weights is not None else None
    facts.add({_COMMIT: run.record.commit, _WEIGHTS: sha256})
    return facts


def _add_result(facts: _Facts, name: str, result: Result) -> None:
    """Add the engine's description, in which None is an answer, and the file that it ran."""
    facts.add(result.engine, f"{name}: engine/", _NONE)
    if result.model is not None:
        facts.known[f"{name}: model"] = result.model.sha256[:16]
    elif not result.engine.get("model"):  # else older records do not keep it
        facts.known[f"{name}: model"] = _NONE


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value)) or _NONE
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def unknown_lines(unknown: Sequence[UnknownFact], names: tuple[str, str]) -> Iterator[str]:
    """Write a line for each side that does not describe what the other describes.

    Args:
        unknown: The facts.
        names: Of the old and the new side.
    """
    for side, name in zip(SIDES, names, strict=True):
        keys = [fact.key for fact in unknown if fact.side == side]
        short = dict.fromkeys(short_key(key) for key in keys)  # a fact of many results, once
        if short:
            yield f"not known for {name}: {', '.join(short)}"


def short_key(key: str) -> str:
    """Shorten the path of a fact to what a sentence needs."""
    return key.removeprefix("packages/").rpartition(": ")[2].removeprefix("engine/")
