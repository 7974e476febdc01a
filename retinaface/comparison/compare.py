"""Compare two run records: environment, metrics with intervals, outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from retinaface.comparison.environments import (
    EnvironmentDifference,
    UnknownFact,
    compare_environments,
)
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
from retinaface.verdicts import SKIPPED, Verdict, worst


@dataclass(frozen=True)
class OutcomeChange:
    """A test whose outcome changed."""

    test: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True)
class RunComparison:
    """The differences of a new run from an old one.

    Attributes:
        environment: Facts that both runs describe, and differently.
        unknown: Facts that only one run describes: they may or may not differ.
    """

    old: Run
    new: Run
    environment: list[EnvironmentDifference]
    unknown: list[UnknownFact]
    metrics: list[Metric]
    outcomes: list[OutcomeChange]
    one_sided: list[OneSided]

    @property
    def verdict(self) -> Verdict:
        """Give FAIL where a metric moved or a test fell; INCONCLUSIVE where nothing was judged."""
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
        """List metrics that differ or are undecided, the worst first."""
        order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1}
        bad = [metric for metric in self.metrics if metric.verdict in order]
        return sorted(bad, key=lambda m: order.get(m.verdict or Verdict.PASS, 2))


def compare_runs(old: Run, new: Run) -> RunComparison:
    """Compare a new run with an old one.

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
        *compare_environments(old, new),
        metrics,
        _outcomes(old, new),
        lone_parts(old, new, pairs),
    )


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
