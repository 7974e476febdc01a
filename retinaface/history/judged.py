"""Judge a run by the last N comparable ones: by their prediction interval for one run more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.checks.intervals import Interval
from retinaface.checks.speed.gate import MOST_EXCUSED, UNKNOWN_NOISE
from retinaface.comparison.times.speed import CPU_NOISE
from retinaface.history.changes import OF_MEDIAN
from retinaface.history.rows import RunRow
from retinaface.history.series import Line, Point
from retinaface.typing import FloatArray
from retinaface.verdicts import Verdict, judge_interval, worst

DEFAULT_LAST = 10
# Fewer show no spread that one could rely on.
LEAST_EARLIER = 5
# Of runs of one build, this share lies outside by chance: half above, half below.
OUTSIDE = 0.01
# Of the last N, values farther than this from their median, in their own spread, are pulled in, so
# that one odd run among them does not hide the next.
_FAR = 5.0


@dataclass(frozen=True)
class Judged:
    """A figure of a run beside those of the last N.

    Attributes:
        earlier: The runs that it was compared with; oldest first.
        level: Their median, in the unit of the line; None for too few runs.
        change: From it, in `Line.change_unit`, with the interval in which a run of the same build
            would have made the change 0.
        verdict: None where it is reported and not judged.
        text: Why.
    """

    line: Line
    point: Point
    earlier: tuple[Point, ...]
    level: float | None
    change: Interval | None
    verdict: Verdict | None
    text: str


@dataclass(frozen=True)
class Judgement:
    """A run beside the last N.

    Attributes:
        absent: What each of the last runs measured and this one did not.
    """

    run: RunRow
    n_last: int
    judged: list[Judged]
    absent: list[str]

    @property
    def verdict(self) -> Verdict:
        """Give the worst; a run that did not finish fails, one that lacks a figure is open."""
        verdicts = [one.verdict for one in self.judged if one.verdict is not None]
        if self.absent:
            verdicts.append(Verdict.INCONCLUSIVE)
        if self.run.state != "finished":
            verdicts.append(Verdict.FAIL)
        return worst(verdicts)


def judge_run(
    run: RunRow, rows: Sequence[RunRow], lines: Iterable[Line], n_last: int = DEFAULT_LAST
) -> Judgement:
    """Judge each figure of a run by those of comparable runs that were made before it.

    Args:
        run: One of `rows`.
        rows: Those of the lines, in the order of time.
        lines: What was measured in them.
        n_last: With how many it is compared, at most.
    """
    before = rows[: rows.index(run)]
    usual = {row.name for row in before[-LEAST_EARLIER:]} if len(before) >= LEAST_EARLIER else None
    judged, absent = [], []
    for line in lines:
        names = {point.run.name for point in line.points}
        if run.name not in names:
            if usual is not None and usual <= names and line.kind != "margin":
                absent.append(f"{line.subject}: {line.metric}")
            continue
        point = next(p for p in line.points if p.run.name == run.name)
        kept = [p for p in line.points[: line.points.index(point)] if not p.figure.busy]
        judged.append(_judge(line, point, tuple(kept[-n_last:])))
    return Judgement(run, n_last, judged, absent)


def _judge(line: Line, point: Point, kept: tuple[Point, ...]) -> Judged:
    if len(kept) < LEAST_EARLIER:
        text = f"{len(kept)} comparable runs before it, {LEAST_EARLIER} are needed"
        verdict = None if line.kind == "margin" else Verdict.INCONCLUSIVE
        return Judged(line, point, kept, None, None, verdict, f"too few runs: {text}")
    values = line.scaled(kept)
    level, half = predicted(values, _starts(line, kept))
    difference = float(line.scaled([point])[0]) - level
    change = line.shown(Interval(difference, difference - half, difference + half))
    shown = float(np.exp(level)) if line.kind == "speed" else level
    judge = {"AP": _judge_ap, "speed": _judge_rate, "margin": _report}[line.kind]
    verdict, text = judge(line, point, difference, half)
    text = f"{text}; {_rank(values, difference + level)}"
    if verdict is not Verdict.PASS:
        text += _since_change(line, kept)
    return Judged(line, point, kept, shown, change, verdict, text)


def _starts(line: Line, kept: Sequence[Point]) -> list[int]:
    """Find where the level changed among some points of a line."""
    firsts = {change.after.run.name for change in line.changes or ()}
    return [i for i, point in enumerate(kept) if i and point.run.name in firsts]


def _since_change(line: Line, kept: Sequence[Point]) -> str:
    """Say that the level changed among the runs that were compared, and how to leave it out."""
    if not (starts := _starts(line, kept)):
        return ""
    n_since = len(kept) - starts[-1]
    more = f": --last {n_since} compares with the runs since" if n_since >= LEAST_EARLIER else ""
    return f"; the level changed at {kept[starts[-1]].run.name}{more}"


def predicted(values: FloatArray, starts: Sequence[int] = ()) -> tuple[float, float]:
    """Predict one value more: the median, and half the width of a prediction interval.

    It is Student's interval of the median, by the spread around each level: a step among the values
    must not hide the next one.

    Args:
        values: (N,) of runs of one build, N >= 2.
        starts: Positions of the first values of further levels.
    """
    from scipy.special import stdtrit

    levels = np.split(values, list(starts))
    rest = np.concatenate([level - np.median(level) for level in levels])
    spread = OF_MEDIAN * float(np.median(np.abs(rest)))
    squares = float((np.clip(rest, -_FAR * spread, _FAR * spread) ** 2).sum())
    n, free = len(values), max(1, len(values) - len(levels))
    student = float(stdtrit(free, 1 - OUTSIDE / 2))
    half = student * np.sqrt(squares / free * (1 + np.pi / 2 / n))
    return float(np.median(values)), float(half)


_Found = tuple[Verdict | None, str]


def _judge_ap(line: Line, _point: Point, difference: float, half: float) -> _Found:
    delta = line.smallest
    verdict = judge_interval(difference - half, difference + half, delta)
    return verdict, f"allowed +-{delta:g} points; these runs predict +-{half:.2g}"


def _judge_rate(line: Line, point: Point, difference: float, half: float) -> _Found:
    """Fail a rate below the band of the last runs, at least the smallest change that counts."""
    band = max(line.smallest, half)
    noise, most = np.expm1(half), CPU_NOISE if line.subject.is_cpu else UNKNOWN_NOISE
    text = f"these runs predict x {np.exp(-band):.2f} to x {np.exp(band):.2f}"
    if point.figure.busy and difference > -np.log(MOST_EXCUSED):
        return (None if difference > -band else Verdict.INCONCLUSIVE), f"{text}; {_excuse(point)}"
    if difference < -band:
        return Verdict.FAIL, f"slower than {text}"
    if noise > most:
        return Verdict.INCONCLUSIVE, f"{text}: noise hides a slowdown (up to {most:.0%} is judged)"
    return Verdict.PASS, text + (": faster" if difference > band else "")


def _excuse(point: Point) -> str:
    return f"the machine was not quiet: {point.figure.busy}"


def _report(line: Line, point: Point, difference: float, half: float) -> _Found:
    moved = "moved" if abs(difference) > line.smallest + half else "as before"
    return (
        None,
        f"{moved}; the check is {point.figure.note}; these runs predict +-{half:.2g} points",
    )


def _rank(values: FloatArray, value: float) -> str:
    """Say how unusual a value is among those before it."""
    n = len(values)
    below, above = int((values < value).sum()), int((values > value).sum())
    if not below and not above:
        return f"equal to the last {n}"
    if below == n:
        return f"above all of the last {n}"
    if above == n:
        return f"below all of the last {n}"
    return f"{above} of the last {n} were above it, {below} below"
