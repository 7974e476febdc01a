"""Two run records compared: environment, metrics with intervals, outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retinaface.comparison.fidelity import fidelity_metrics
from retinaface.comparison.metrics import (
    Metric,
    ap_metrics,
    detection_metrics,
    speed_metrics,
)
from retinaface.comparison.one_sided import OneSided, lone_parts
from retinaface.comparison.pairs import matched_pairs
from retinaface.records.read import Run
from retinaface.records.schema import Result
from retinaface.verdicts import SKIPPED, Verdict, worst

# What differs between any two runs, and names of files whose content is compared.
_NOT_COMPARED = ("implementation", "build_s", "model")


@dataclass(frozen=True)
class EnvironmentDifference:
    """One fact that the two runs do not share."""

    key: str
    old: str
    new: str


@dataclass(frozen=True)
class OutcomeChange:
    """A test with another outcome."""

    test: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True)
class RunComparison:
    """What moved from one run to another."""

    old: Run
    new: Run
    environment: list[EnvironmentDifference]
    metrics: list[Metric]
    outcomes: list[OutcomeChange]
    one_sided: list[OneSided]

    @property
    def verdict(self) -> Verdict:
        """FAIL where a metric moved or a test fell; INCONCLUSIVE where nothing could be judged."""
        verdicts = [metric.verdict for metric in self.metrics if metric.verdict is not None]
        verdicts += [
            Verdict(change.new)
            for change in self.outcomes
            if change.new in (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value)
        ]
        if self.new.record.state != "finished":
            verdicts.append(Verdict.FAIL)
        return worst(verdicts)

    @property
    def warnings(self) -> list[str]:
        """What stands beside the verdicts of both runs, by the run's name."""
        return [f"{run.name}: {text}" for run in (self.old, self.new) for text in run.warnings]

    def moved(self) -> list[Metric]:
        """Metrics that are called different, or undecided; the worst first."""
        order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1}
        bad = [metric for metric in self.metrics if metric.verdict in order]
        return sorted(bad, key=lambda m: order.get(m.verdict or Verdict.PASS, 2))


def compare_runs(old: Run, new: Run) -> RunComparison:
    """Compare two runs; the first is what the second is compared with.

    Raises:
        RecordError: Arrays of a record are damaged.
    """
    pairs = matched_pairs(old, new)
    metrics: list[Metric] = []
    for pair in pairs:
        metrics += [
            *ap_metrics(pair),
            *detection_metrics(pair),
            *speed_metrics(pair),
            *fidelity_metrics(pair),
        ]
    return RunComparison(
        old,
        new,
        environment_differences(old, new),
        metrics,
        _outcomes(old, new),
        lone_parts(old, new, pairs),
    )


def environment_differences(old: Run, new: Run) -> list[EnvironmentDifference]:
    """List facts that differ, nested ones by their path; CPU flags as what came and went.

    Facts of the machine, the checkout, the weights, and of each pair of results the engine's
    description and the model.
    """
    ours, theirs = _facts(old), _facts(new)
    for pair in matched_pairs(old, new):
        if all(result.engine for result in pair.results):  # else it is no difference
            ours |= _result_facts(pair.name, pair.results[0])
            theirs |= _result_facts(pair.name, pair.results[1])
    return _fact_differences(ours, theirs)


def fact_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[EnvironmentDifference]:
    """List facts of two environments that differ: nested mappings of JSON types."""
    sides = [dict(_flat(_compared(facts))) for facts in (old, new)]
    return _fact_differences(*sides)


def _compared(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _compared(value) if isinstance(value, Mapping) else value
        for key, value in facts.items()
        if key not in _NOT_COMPARED
    }


def _fact_differences(
    ours: Mapping[str, str], theirs: Mapping[str, str]
) -> list[EnvironmentDifference]:
    found = []
    for key in dict.fromkeys([*ours, *theirs]):
        before, after = ours.get(key), theirs.get(key)
        if before == after:
            continue
        if key == "cpu_flags" and before is not None and after is not None:
            sets = [set(text.split()) for text in (before, after)]
            before, after = (
                " ".join(sorted(a - b)) or "none beyond" for a, b in (sets, sets[::-1])
            )
        absent = "not installed" if key.startswith("packages/") else "not recorded"
        found.append(EnvironmentDifference(key, before or absent, after or absent))
    return found


def _facts(run: Run) -> dict[str, str]:
    facts = _compared(run.environment)
    facts["retinaface commit"] = run.record.commit or "unknown"
    weights = run.record.target.weights if run.record.target is not None else None
    facts["weights"] = (weights.sha256 if weights is not None else None) or "unknown"
    return dict(_flat(facts))


def _result_facts(name: str, result: Result) -> dict[str, str]:
    engine = _compared(result.engine)
    facts: dict[str, Any] = {f"{name}: engine": engine}
    if result.model is not None:
        facts[f"{name}: model"] = result.model.sha256[:16]
    return dict(_flat(facts))


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return " ".join(_text(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _outcomes(old: Run, new: Run) -> list[OutcomeChange]:
    changes = []
    for name, test in new.tests.items():
        before = old.tests.get(name)
        if before is None or SKIPPED in (before.verdict, test.verdict):
            continue
        if before.verdict != test.verdict:
            reason = (test.reason or before.reason).partition("\n")[0]
            changes.append(OutcomeChange(name, str(before.verdict), str(test.verdict), reason))
    return changes
