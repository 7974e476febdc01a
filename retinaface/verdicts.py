"""The verdicts of one check and of a run: PASS, FAIL, INCONCLUSIVE."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Verdict(str, enum.Enum):
    """An answer that a person can act on, and a script by its exit code."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """Give the exit code of a run with this verdict."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 10}[self]

    def __str__(self) -> str:
        return self.value


class Question(str, enum.Enum):
    """What a test of the suites answers, in the order of the data: earlier ones explain later."""

    EXPORT = "export"
    PLACEMENT = "placement"
    ENGINE = "engine"
    FP16 = "fp16"
    LAYERS = "layers"
    STEPS = "steps"
    DETECTIONS = "detections"
    AP = "ap"
    SPEED = "speed"


# The outcome of a test that did not run, in place of a verdict.
SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Check:
    """One comparison with a limit.

    Attributes:
        name: The subject of the check, in a few words.
        message: The result, the limit, and the place; one or more lines.
        numbers: Further figures; JSON types.
        value: The figure that was compared; None where it is not a number.
        baseline: The figure that it was compared with; None where only the limit counts.
        limit: The largest value allowed, or the largest distance allowed from the baseline.
        unit: The unit of value, baseline and limit.
        rest: The value where nothing moved, if there is no baseline: 1 for a ratio; None for 0.
    """

    name: str
    verdict: Verdict
    message: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    baseline: float | None = None
    limit: float | None = None
    unit: str = ""
    rest: float | None = None

    @property
    def margin(self) -> float | None:
        """Compute the distance to the limit, negative beyond it; None without value or limit."""
        if self.value is None or self.limit is None:
            return None
        off = self.value if self.baseline is None else abs(self.value - self.baseline)
        return self.limit - off

    def as_json(self) -> dict[str, Any]:
        """Convert the fields and the margin to JSON types, for a record."""
        return {
            **vars(self),
            "verdict": str(self.verdict),
            "numbers": dict(self.numbers),
            "margin": self.margin,
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Check:
        """Read what `as_json` gives."""
        known = {name: value for name, value in fields.items() if name != "margin"}
        return cls(**known | {"verdict": Verdict(fields["verdict"])})

    def __str__(self) -> str:
        return f"{self.verdict} {self.name}: {self.message}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Take FAIL before INCONCLUSIVE before PASS; a run that measured nothing is INCONCLUSIVE."""
    found = set(verdicts)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in found:
            return verdict
    return Verdict.INCONCLUSIVE


def verdict_line(verdict: Verdict, note: str = "") -> str:
    """Write the last line of a run; `note` names the data, where it is not the user's."""
    return f"VERDICT: {verdict}" + (f" ({note})" if note else "")


def judge_interval(low: float, high: float, delta: float) -> Verdict:
    """Compare an interval of a difference with the smallest effect that counts.

    Args:
        high: Upper end, >= low.
        delta: The smallest effect that counts, > 0.

    Returns:
        PASS inside +- delta, FAIL wholly outside, INCONCLUSIVE across an end. A NaN fails.
    """
    if -delta <= low and high <= delta:
        return Verdict.PASS
    if low <= delta and high >= -delta:
        return Verdict.INCONCLUSIVE
    return Verdict.FAIL


def judge_time_ratio(low: float, high: float, band: float) -> Verdict:
    """Compare an interval of a ratio of times, new over old, with a band of noise around 1.

    Only a slowdown fails; a gain passes, and `is_faster` detects it.

    Args:
        low: Lower end, > 0.
        high: Upper end, >= low.
        band: How far from 1 noise alone moves the ratio, > 0.

    Returns:
        FAIL wholly above the band, INCONCLUSIVE where the interval reaches above it, else PASS.
    """
    if low > 1 + band:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if high > 1 + band else Verdict.PASS


def is_faster(high: float, band: float) -> bool:
    """Tell whether a ratio of times lies wholly below the band of noise around 1."""
    return high < 1 - band
