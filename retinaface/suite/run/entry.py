"""Keep how a test of a run ended, and read it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinaface.verdicts import SKIPPED, Check

_SUBJECT = ("question", "engine", "pipeline")
# The worse of two phases of one test counts.
_RANK = {None: 0, SKIPPED: 1, "PASS": 1, "INCONCLUSIVE": 2, "FAIL": 3}


@dataclass
class TestEntry:
    """One test of the run.

    Attributes:
        id: As pytest names it.
        outcome: A verdict, or `SKIPPED`; None while it runs.
        reason: Why it failed or was skipped; the first lines.
        checks: What it compared with limits.
        seconds: How long it took, set-up included.
        subject: Its question, engine and pipeline, where it has them, as a record names them.
    """

    __test__ = False  # pytest would take the name for a test class

    id: str
    outcome: str | None = None
    reason: str = ""
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    subject: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, test: Mapping[str, Any]) -> TestEntry:
        """Read a test as a record has it."""
        subject = {key: test[key] for key in _SUBJECT if key in test}
        checks = [Check.of(check) for check in test["checks"]]
        return cls(test["id"], test["verdict"], test["reason"], checks, test["seconds"], subject)

    def as_json(self) -> dict[str, Any]:
        """Describe it for a record; JSON types."""
        return {
            "id": self.id,
            "verdict": self.outcome,
            "reason": self.reason,
            "seconds": round(self.seconds, 4),
            "checks": [check.as_json() for check in self.checks],
            **self.subject,
        }

    def add_phase(self, outcome: str, reason: str, seconds: float) -> None:
        """Take how a phase of it ended, which can only make things worse."""
        self.seconds += seconds
        if _RANK[outcome] > _RANK[self.outcome]:
            self.outcome, self.reason = outcome, reason or self.reason

    def needs(self) -> list[str]:
        """List what a skipped test lacked: `needs NAME: how that was found out`, one for each."""
        first, *others = self.reason.split("; needs ")
        return [first, *(f"needs {other}" for other in others)]

    @property
    def suite(self) -> str:
        """Name the file that it is in, without folder and ending."""
        return Path(self.id.partition("::")[0]).stem
