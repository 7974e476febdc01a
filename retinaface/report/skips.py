"""Group skipped tests: engines that lack the same thing share a line, and so do runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retinaface.records.read import Run
from retinaface.verdicts import SKIPPED


@dataclass
class SkipGroup:
    """A reason why tests were skipped.

    Attributes:
        reason: In words; what every engine lacks is said once.
        engines: That lack it.
        n_tests: By run.
    """

    reason: str
    engines: list[str] = field(default_factory=list)
    n_tests: dict[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Give the largest number of any run."""
        return max(self.n_tests.values())

    def runs_text(self, runs: Sequence[Run]) -> str:
        """Name the runs; `all` where every run of several lacks it."""
        is_all = 1 < len(runs) == len(self.n_tests)
        return "all" if is_all else ", ".join(self.n_tests)


def group_skips(runs: Sequence[Run]) -> list[SkipGroup]:
    """Group the skips of runs by reason, the most tests first."""
    found: dict[str, SkipGroup] = {}
    for run in runs:
        for test in run.tests.values():
            if test.verdict != SKIPPED:
                continue
            reason = _without(test.reason, test.engine)
            group = found.setdefault(reason, SkipGroup(reason))
            if test.engine and reason != test.reason and test.engine not in group.engines:
                group.engines.append(test.engine)
            group.n_tests[run.name] = group.n_tests.get(run.name, 0) + 1
    return sorted(found.values(), key=lambda group: -group.n)


def _without(reason: str, engine: str) -> str:
    """Take the name of its engine off the front of a reason."""
    if not engine:
        return reason
    for prefix in (f"needs engine:{engine}: ", f"{engine} "):
        reason = reason.removeprefix(prefix)
    return reason
