"""Follow the progress of a run by its events, and forecast the time left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retinaface.verdicts import SKIPPED, Verdict

# A new forecast replaces the shown one if they differ by this share; otherwise time just runs.
_FOLLOW = 0.15
_FOLLOW_S = 3.0
# Weight of the expectation beside the measured time, in seconds.
_TRUST_S = 3.0
# A test that takes longer than this many times its expectation made something that others share.
_OUTLIER = 4.0
# A test that takes longer than expected is forecast to go on for this share of its time so far.
_OVERRUN = 0.25


@dataclass
class _Seen:
    """Seconds of tests that ended, expected and measured."""

    expected_s: float = 0.0
    measured_s: float = 0.0

    def add(self, expected_s: float, measured_s: float) -> None:
        self.expected_s += expected_s
        self.measured_s += measured_s

    def ratio(self, otherwise: float) -> float:
        """Divide measured by expected time; with few seconds measured, stay near `otherwise`."""
        return (self.measured_s + _TRUST_S * otherwise) / (self.expected_s + _TRUST_S)


@dataclass(frozen=True)
class _Planned:
    id: str
    kind: str
    engine: str | None
    seconds: float
    is_sure: bool = True  # whether its engine is sure to be on this machine
    is_fixed: bool = False  # whether it takes as long on any machine


@dataclass
class Progress:
    """Follows a run by its events; times come from any clock that never goes back.

    Attributes:
        running: The test that is running; None between tests.
        work: What it does that takes long; None where it does not say.
        outcomes: Number of ended tests, by outcome.
        finished: A line for each suite that has ended.
    """

    started: float
    running: str | None = None
    work: str | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    finished: list[str] = field(default_factory=list)
    _pending: dict[str, _Planned] = field(default_factory=dict)
    _n_tests: int = 0
    _since: float = 0.0
    _all: _Seen = field(default_factory=_Seen)
    _kinds: dict[str, _Seen] = field(default_factory=dict)
    _engines: dict[str, Counter[str]] = field(default_factory=dict)
    _suite: str = ""
    _suite_outcomes: Counter[str] = field(default_factory=Counter)
    _suite_s: float = 0.0
    _shown_end: float | None = None

    def take(self, event: Mapping[str, Any], now: float) -> None:
        """Process an event; ignore other kinds."""
        if event["event"] == "plan":
            planned = [_Planned(**test) for test in event["tests"]]
            self._pending = {test.id: test for test in planned}
            self._n_tests = len(planned)
        elif event["event"] == "begin":
            self._begin(event["test"], now)
        elif event["event"] == "end":
            self._end(event["test"], event["outcome"], event["seconds"])
        elif event["event"] == "work":
            self.work = event["what"]

    def _begin(self, test: str, now: float) -> None:
        if (suite := suite_of(test)) != self._suite:
            self.end_suite()
            self._suite = suite
        self.running, self._since = test, now

    def _end(self, test: str, outcome: str, seconds: float) -> None:
        self.running = None
        self.outcomes[outcome] += 1
        self._suite_outcomes[outcome] += 1
        self._suite_s += seconds
        planned = self._pending.pop(test, None)
        if planned is None:
            return
        if planned.engine is not None:
            self._engines.setdefault(planned.engine, Counter())[outcome] += 1
        # A failed test searches for its cause, which takes long and happens once.
        if outcome == Verdict.PASS.value and not planned.is_fixed:
            seconds = min(seconds, _OUTLIER * planned.seconds * self._all.ratio(1.0))
            self._all.add(planned.seconds, seconds)
            self._kinds.setdefault(planned.kind, _Seen()).add(planned.seconds, seconds)

    def end_suite(self) -> None:
        """Close the suite that ran last, if there was one."""
        if self._suite_outcomes:
            words = outcome_words(self._suite_outcomes)
            self.finished.append(f"{self._suite}: {words} in {self._suite_s:.1f} s")
        self._suite, self._suite_outcomes, self._suite_s = "", Counter(), 0.0

    def left_s(self, now: float) -> float | None:
        """Forecast the seconds left, as a steady countdown; None before the tests are known."""
        if not self._n_tests:
            return None
        forecast = self._forecast_s(now)
        shown = None if self._shown_end is None else self._shown_end - now
        if shown is None or abs(forecast - shown) > max(_FOLLOW_S, _FOLLOW * forecast):
            self._shown_end, shown = now + forecast, forecast
        return max(0.0, shown)

    def _forecast_s(self, now: float) -> float:
        overall = self._all.ratio(1.0)
        left = 0.0
        for test in self._pending.values():
            if self._is_skipped(test):
                continue
            ratio = 1.0 if test.is_fixed else self._kinds.get(test.kind, _Seen()).ratio(overall)
            seconds = test.seconds * ratio
            left += self._left_of(seconds, now) if test.id == self.running else seconds
        return left

    def _left_of(self, seconds: float, now: float) -> float:
        """Forecast the rest of the running test, at least a share of its time so far."""
        taken = now - self._since
        return max(seconds - taken, _OVERRUN * taken if taken > seconds else 0.0)

    def _is_skipped(self, test: _Planned) -> bool:
        """Tell whether a test will be skipped: all tests of its engine so far were."""
        outcomes = self._engines.get(test.engine or "")
        if outcomes is None:
            return not test.is_sure
        return set(outcomes) == {SKIPPED} and (outcomes[SKIPPED] > 1 or not test.is_sure)

    def line(self, now: float, width: int) -> str:
        """Write in a line what is running, how far the run is, and how long it still takes."""
        text = self._line(now)
        return text if len(text) <= width else f"{text[: width - 3]}..."

    def _line(self, now: float) -> str:
        left, so_far = self.left_s(now), clock(now - self.started)
        n_ended = self.outcomes.total()
        if left is None:
            return f"{so_far}, starting"
        if n_ended == self._n_tests:
            return f"{n_ended} of {self._n_tests} tests, {so_far}, writing the record"
        bad = [f", {self.outcomes[o]} {o}" for o in ("FAIL", "INCONCLUSIVE") if self.outcomes[o]]
        doing = self.work or (short_test(self.running) if self.running else "between tests")
        return (
            f"{n_ended} of {self._n_tests} tests{''.join(bad)}, {so_far}, "
            f"{words_of(left)} left  {doing}"
        )


def outcome_words(outcomes: Counter[str]) -> str:
    """Write `12 PASS, 1 SKIPPED`."""
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))


def suite_of(test: str) -> str:
    """Name the file of a test, without folder, prefix and ending."""
    name = test.partition("::")[0].rpartition("/")[2]
    return name.removesuffix(".py").removeprefix("test_")


def short_test(test: str) -> str:
    """Name suite and test, `fps: network_alone[b1]`."""
    return f"{suite_of(test)}: {test.partition('::')[2].removeprefix('test_')}"


def clock(seconds: float) -> str:
    """Write `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def words_of(seconds: float) -> str:
    """Write a duration, no more exactly than it is known."""
    if seconds < 5:
        return "a few s"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    return f"about {round(seconds / 60)} min"
