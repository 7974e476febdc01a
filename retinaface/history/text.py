"""Say in words what lines, changes and a judged run are; terminal and page say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retinaface.history.changes import LEAST_RUNS
from retinaface.history.index import History
from retinaface.history.judged import Judged, Judgement
from retinaface.history.rows import Subject
from retinaface.history.series import Line, by_owner
from retinaface.history.told import Told
from retinaface.telling.words import count


def runs_text(history: History, lines: Sequence[Line]) -> str:
    """Say how many runs there are, from when to when, and how many of them lines are of."""
    rows = history.rows
    if not rows:
        return "no run"
    text = f"{count(len(rows), 'run')}, {rows[0].date} to {rows[-1].date} UTC"
    n_shown = len({point.run.name for line in lines for point in line.points})
    return text + (f"; {n_shown} of them shown" if n_shown < len(rows) else "")


def headline(told: Told) -> str:
    """Say in one sentence what has to be known first."""
    owners = by_owner(told.lines)
    if not owners:
        return "No figure to show: nothing was measured in these runs, or no name matches."
    if all(line.changes is None for line in told.lines):
        return f"Too few runs to tell a change: a line needs {LEAST_RUNS}."
    if not told.breaks:
        return f"No change of level in {count(len(owners), 'engine')}."
    n_changed = len({one.owner for one, _ in told.breaks})
    newest, _ = told.breaks[0]
    word, n_more = "worse" if newest.is_worse else "better", len(newest.changes) - 1
    more = f" and {count(n_more, 'more figure')}" if n_more else ""
    return (
        f"{count(len(told.breaks), 'change')} of level in {n_changed} of "
        f"{count(len(owners), 'engine')}; the newest, for the {word}, on "
        f"{newest.after.date[:10]}: {newest.owner}: {newest.changes[0]}{more}."
    )


def groups_of(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Put the splits of AP over the same images into one row; each other figure has its own."""
    groups: dict[tuple[Subject, str, str], list[Line]] = {}
    for line in lines:
        name = "AP" if line.kind == "AP" else line.metric
        groups.setdefault((line.subject, name, line.basis), []).append(line)
    yield from groups.values()


def label_of(group: Sequence[Line]) -> str:
    """Name what a row shows: AP of easy, medium and hard by their first letters."""
    setting = group[0].subject.setting
    if group[0].kind != "AP":
        return f"{setting} {group[0].metric}".strip()
    splits = [one.metric.removeprefix("AP ") for one in group]
    short = "/".join(split[0] for split in splits) if len(splits) > 1 else splits[0]
    return f"{setting} AP {short} %".strip()


def value_text(line: Line) -> str:
    """Write the newest value of a line."""
    value = line.points[-1].figure.value
    if line.kind == "AP":
        return f"{value:.2f}"
    return f"{value:.0f} % left" if line.kind == "margin" else f"{value:.4g} images/s"


def state(group: Sequence[Line]) -> str:
    """Say whether lines are level, changed, or too short to tell."""
    found = [line.changes for line in group]
    if all(changes is None for changes in found):
        return "few runs"
    n = len({c.after.run.name for changes in found for c in changes or ()})
    return count(n, "change") if n else "level"


def is_news(one: Judged) -> bool:
    """Tell what a reader must see: all that is open or moved, and how small a slowdown was seen."""
    if str(one.verdict) != "PASS":
        return one.line.kind != "margin" or (
            one.change is not None and abs(one.change.estimate) > one.line.smallest
        )
    return one.line.kind == "speed"


def ordered(judgement: Judgement) -> list[Judged]:
    """Sort what was found, the worst first."""
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "None": 2, "PASS": 3}
    return sorted(judgement.judged, key=lambda one: order[str(one.verdict)])


def judged_text(one: Judged) -> str:
    """Write the figure, the level of the last runs, the change and the reason."""
    value = f"{one.line.metric} {one.point.figure.value:.4g}"
    if one.level is None or one.change is None:
        return f"{value} {one.line.unit}; {one.text}"
    low, high, unit = one.change.low, one.change.high, one.line.change_unit
    return (
        f"{value}, level {one.level:.4g} {one.line.unit}: {one.change.estimate:+.2f} "
        f"[{low:+.2f}, {high:+.2f}] {unit}; {one.text}"
    )
