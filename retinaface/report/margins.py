"""How far a check is from its limit, as a share of the room that it has, and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retinaface.records.read import Run
from retinaface.records.schema import CheckResult
from retinaface.verdicts import Question, Verdict

RANK = (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value, Verdict.PASS.value)
_CELLS = 10
_TIMES = "times "
_POINTS = "points"
_OF_LIMIT = "of the limit"


@dataclass(frozen=True)
class Margin:
    """A check with its place.

    Attributes:
        question: That its test answers; None where the record names none.
        engine: That it judges; empty for none.
        pipeline: That it judges; empty where all share it.
    """

    check: CheckResult
    question: Question | None
    engine: str
    pipeline: str

    @property
    def verdict(self) -> str:
        """Give `PASS`, `FAIL` or `INCONCLUSIVE`."""
        return str(self.check.verdict)

    @property
    def share(self) -> float | None:
        """Give what is left of the room, below 0 beyond the limit; None without a room."""
        return self.check.share_left

    @property
    def where(self) -> str:
        """Name engine and pipeline."""
        return " · ".join(name for name in (self.engine, self.pipeline) if name)

    @property
    def is_open(self) -> bool:
        """Tell whether the check is without a decision or beyond its limit."""
        return self.verdict != Verdict.PASS.value

    @property
    def value_text(self) -> str:
        """Write the value with its unit."""
        return "" if self.check.value is None else figure(self.check.value, self.check.unit)

    @property
    def baseline_text(self) -> str:
        """Write the baseline; empty where only the limit counts."""
        found = self.check.baseline
        return "" if found is None else figure(found, self.check.unit)

    @property
    def limit_text(self) -> str:
        """Write the limit: the largest value, or the largest distance from the baseline."""
        check = self.check
        if check.limit is None or check.unit == _OF_LIMIT:  # then the value says it
            return ""
        text = figure(check.limit, check.unit)
        if check.baseline is None:
            return f"at most {text}"
        return f"±{text} points" if check.unit == _POINTS else f"±{text}"

    @property
    def left_text(self) -> str:
        """Say in words what is left."""
        return left_text(self.share)

    @property
    def sentence(self) -> str:
        """Write value, baseline and limit in a line."""
        baseline = f", baseline {self.baseline_text}" if self.baseline_text else ""
        limit = f", {self.limit_text}" if self.limit_text else ""
        return f"{self.value_text}{baseline}{limit}"


def left_text(share: float | None) -> str:
    """Say what is left of the room; `over` beyond the limit."""
    if share is None:
        return "yes or no"
    if not math.isfinite(share):
        return "not a number"
    if share < 0:
        return "over the limit"
    percent = 100 * min(share, 1.0)  # more where a value is better than the one that counts as 0
    return f"{percent:.0f} % left" if percent >= 10 or percent == 0 else f"{percent:.1f} % left"


def text_bar(share: float | None) -> str:
    """Draw what is left in ten cells of text; crosses beyond the limit, dots without a margin."""
    if share is None:
        return "·" * _CELLS
    if not share >= 0:
        return "x" * _CELLS
    n = math.floor(_CELLS * min(share, 1.0) + 0.5)
    return "█" * n + "░" * (_CELLS - n)


def figure(value: float, unit: str) -> str:
    """Write a value as short as its unit allows; the unit itself only where it is a sign."""
    if not math.isfinite(value):
        return str(value)
    if unit == _POINTS:
        return f"{value:.2f}"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if unit in ("%", "px", "ms"):
        return f"{text} {unit}"
    if unit == _OF_LIMIT:
        return f"{text} {unit if value <= 1 else _TIMES + 'the limit'}"
    return f"{text} x" if unit.startswith(_TIMES) else text


def margins_of(run: Run) -> Iterator[Margin]:
    """Give every check of a run with its place; in older records those of its results."""
    tests = run.tests.values()
    if any(test.question is not None for test in tests):
        for test in tests:
            for check in test.checks:
                yield Margin(check, test.question, test.engine, test.pipeline)
        return
    for result in run.results.values():
        for check in result.checks:
            yield Margin(check, None, result.key.engine, result.key.pipeline)


def weakest_first(margins: Iterable[Margin]) -> list[Margin]:
    """Sort: FAIL, then INCONCLUSIVE, then PASS; within them the smallest share first."""
    return sorted(margins, key=_key)


def _key(margin: Margin) -> tuple[int, float]:
    share = margin.share
    if share is None:  # behind all that can be compared
        return RANK.index(margin.verdict), math.inf
    return RANK.index(margin.verdict), share if not math.isnan(share) else -math.inf


def _failed_and_share(margin: Margin) -> tuple[bool, float]:
    return margin.verdict != Verdict.FAIL.value, _key(margin)[1]


def weakest_each(margins: Iterable[Margin], n: int) -> list[Margin]:
    """Choose the weakest margins, one for each question, engine, pipeline and unit.

    FAIL comes first; without a decision is no worse than the figure says.
    """
    found: dict[tuple[str, ...], Margin] = {}
    known = [margin for margin in weakest_first(margins) if margin.share is not None]
    for margin in sorted(known, key=_failed_and_share):
        question = str(margin.question)
        found.setdefault((question, margin.engine, margin.pipeline, margin.check.unit), margin)
    return list(found.values())[:n]
