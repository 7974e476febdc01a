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
    matched_results,
    speed_metrics,
    subject,
)
from retinaface.comparison.one_sided import OneSided, lone_parts
from retinaface.records.read import Run
from retinaface.records.schema import Result
from retinaface.verdicts import SKIPPED, Verdict, worst

# What differs between any two runs, and names of files whose content is compared.
_NOT_COMPARED = ("implementation", "build_s", "model")


@dataclass(frozen=True)
class EnvironmentDifference:
    """One fact that the two runs do not share."""

    key: str
    reference: str
    candidate: str


@dataclass(frozen=True)
class OutcomeChange:
    """A test that ended otherwise."""

    test: str
    reference: str
    candidate: str
    reason: str


@dataclass(frozen=True)
class RunComparison:
    """What moved from one run to another."""

    reference: Run
    candidate: Run
    environment: list[EnvironmentDifference]
    metrics: list[Metric]
    outcomes: list[OutcomeChange]
    one_sided: list[OneSided]

    @property
    def verdict(self) -> Verdict:
        """FAIL where a metric moved or a test fell; INCONCLUSIVE where nothing could be judged."""
        verdicts = [metric.verdict for metric in self.metrics if metric.verdict is not None]
        verdicts += [
            Verdict(change.candidate)
            for change in self.outcomes
            if change.candidate in (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value)
        ]
        if self.candidate.record.state != "finished":
            verdicts.append(Verdict.FAIL)
        return worst(verdicts)

    def moved(self) -> list[Metric]:
        """Metrics that are called different, or undecided; the worst first."""
        order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1}
        bad = [metric for metric in self.metrics if metric.verdict in order]
        return sorted(bad, key=lambda m: order.get(m.verdict or Verdict.PASS, 2))


def compare_runs(reference: Run, candidate: Run) -> RunComparison:
    """Compare two runs; the first is what the second is compared with.

    Raises:
        RecordError: Arrays of a record are damaged.
    """
    pairs = matched_results(reference, candidate)
    metrics: list[Metric] = []
    for ours, theirs in pairs:
        metrics += [
            *ap_metrics(reference, candidate, ours, theirs),
            *detection_metrics(reference, candidate, ours, theirs),
            *speed_metrics(reference, candidate, ours, theirs),
            *fidelity_metrics(reference, candidate, ours, theirs),
        ]
    return RunComparison(
        reference,
        candidate,
        environment_differences(reference, candidate),
        metrics,
        _outcomes(reference, candidate),
        lone_parts(reference, candidate, pairs),
    )


def environment_differences(reference: Run, candidate: Run) -> list[EnvironmentDifference]:
    """List facts that differ, nested ones by their path; CPU flags as what came and went.

    Facts of the machine, the checkout, the weights, and of each pair of results the engine's
    description and the model.
    """
    ours, theirs = _facts(reference), _facts(candidate)
    for one, other in matched_results(reference, candidate):
        name = subject(one, other)
        ours |= _result_facts(name, reference.results[one])
        theirs |= _result_facts(name, candidate.results[other])
    return _fact_differences(ours, theirs)


def fact_differences(
    reference: Mapping[str, Any], candidate: Mapping[str, Any]
) -> list[EnvironmentDifference]:
    """List facts of two environments that differ: nested mappings of JSON types."""
    sides = [dict(_flat(_compared(facts))) for facts in (reference, candidate)]
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


def _outcomes(reference: Run, candidate: Run) -> list[OutcomeChange]:
    changes = []
    for name, test in candidate.tests.items():
        before = reference.tests.get(name)
        if before is None or SKIPPED in (before.verdict, test.verdict):
            continue
        if before.verdict != test.verdict:
            reason = (test.reason or before.reason).partition("\n")[0]
            changes.append(OutcomeChange(name, str(before.verdict), str(test.verdict), reason))
    return changes
