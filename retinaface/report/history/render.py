"""Render a history as HTML and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup

import retinaface.report as report_wing
from retinaface.history.changes import LEAST_LEVEL, LEAST_RUNS
from retinaface.history.judged import Judgement
from retinaface.history.rows import RunRow
from retinaface.history.series import Break, Line, by_owner, moving, sparkline
from retinaface.history.text import (
    groups_of,
    headline,
    is_news,
    judged_text,
    label_of,
    ordered,
    runs_text,
    state,
    value_text,
)
from retinaface.history.told import Told
from retinaface.report.history.trends import trend
from retinaface.report.render import template_environment
from retinaface.report.svg import STYLE
from retinaface.telling.markdown import inline, markdown_table
from retinaface.telling.visible import visible
from retinaface.telling.words import count

_FOLDER = Path(__file__).parent
# The newest runs; a page of thousands is read by nobody.
_MOST_SHOWN = 400
_MOST_LISTED = 20
_SPARK = 30


@dataclass(frozen=True)
class Numbered:
    """A break, its number on the page, and what else changed there."""

    number: int
    found: Break
    facts: str


@dataclass(frozen=True)
class Panel:
    """A plot, and its caption."""

    svg: Markup
    name: str
    value: str
    state: str
    basis: str
    n_busy: int


@dataclass(frozen=True)
class Card:
    """The plots of an engine on its device."""

    owner: str
    panels: list[Panel]
    breaks: list[Numbered]
    n_runs: int


def render_html(told: Told, title: str) -> str:
    """Render one self-contained file: no script, no font, no picture from elsewhere."""
    shared = Path(report_wing.__file__).parent / "report.css"
    styles = [path.read_text(encoding="utf-8") for path in (shared, _FOLDER / "history.css")]
    numbered = _numbered(told)
    with mpl.rc_context(STYLE):
        cards = _cards(told.lines, numbered)
    changed = [card for card in cards if card.breaks]
    page = (
        template_environment(_FOLDER)
        .get_template("history.html.j2")
        .render(
            title=title,
            told=told,
            style=Markup("\n".join(styles)),  # noqa: S704 - our own files
            runs_text=runs_text(told.history, told.lines),
            headline=headline(told),
            numbered=numbered,
            changed=changed,
            level=[card for card in cards if not card.breaks],
            newest=told.history.rows[: -_MOST_LISTED - 1 : -1],
            news=_judged_rows(told.judgement, is_shown=True),
            as_before=_judged_rows(told.judgement, is_shown=False),
            count=count,
            least_runs=LEAST_RUNS,
            least_level=LEAST_LEVEL,
            most_shown=_MOST_SHOWN,
        )
    )
    return visible(page, keep="\n\t")


def _numbered(told: Told) -> list[Numbered]:
    return [Numbered(i, one, facts) for i, (one, facts) in enumerate(told.breaks, 1)]


def _judged_rows(judgement: Judgement | None, *, is_shown: bool) -> list[tuple[str, str, str]]:
    """Make rows of what a reader must see, or of the rest."""
    if judgement is None:
        return []
    rows = [
        (str(one.verdict or ""), str(one.line.subject), judged_text(one))
        for one in ordered(judgement)
        if is_news(one) is is_shown
    ]
    absent = judgement.absent if is_shown else []
    return rows + [("INCONCLUSIVE", text, "not measured") for text in absent]


def _cards(lines: Sequence[Line], numbered: Sequence[Numbered]) -> list[Card]:
    cards = []
    for owner, own in by_owner(lines).items():
        breaks = [one for one in numbered if one.found.owner == owner]
        numbers = {one.found.after.name: one.number for one in breaks}
        runs = _runs_of(own)
        panels = [_panel(group, runs, numbers) for group in groups_of(own)]
        cards.append(Card(owner, panels, breaks, len(runs)))
    return sorted(cards, key=lambda card: min((b.number for b in card.breaks), default=0))


def _panel(group: list[Line], runs: Sequence[RunRow], numbers: dict[str, int]) -> Panel:
    names = {run.name for run in runs}
    shown = [line for line in group if names & {point.run.name for point in line.points}]
    return Panel(
        svg=Markup(trend(shown or group, runs, numbers)),  # noqa: S704 - its texts are escaped
        name=label_of(group),
        value=" / ".join(value_text(line) for line in group),
        state=state(group),
        basis=group[0].basis,
        n_busy=len(group[0].points) - len(group[0].quiet),
    )


def _runs_of(lines: Iterable[Line]) -> list[RunRow]:
    """List the newest runs of some lines, oldest first."""
    runs = {point.run.name: point.run for line in lines for point in line.points}
    return sorted(runs.values(), key=lambda run: (run.created, run.name))[-_MOST_SHOWN:]


def render_markdown(told: Told, title: str) -> str:
    """Render the page in a form that fits the summary of a CI step."""
    numbered = _numbered(told)
    judgement = told.judgement
    word = f"{judgement.verdict}: " if judgement is not None else ""
    said = (runs_text(told.history, told.lines), headline(told))
    parts = [f"# {word}{inline(title)}", *map(inline, said)]
    if judgement is not None:
        parts.append(f"## {inline(judgement.run.name)} beside the last {judgement.n_last}")
        rows = _judged_rows(judgement, is_shown=True)
        parts.append(markdown_table(("verdict", "of", "found"), rows) if rows else "")
        n_as_before = len(_judged_rows(judgement, is_shown=False))
        parts.append(f"{count(n_as_before, 'figure')} as before.")
    if numbered:
        changes = [
            (
                *(one.found.after.date[:10], one.found.after.name, one.found.owner),
                *(one.found.sizes, f"after {one.found.before.name}: {one.facts}"),
            )
            for one in numbered
        ]
        parts += [
            "## Changes",
            markdown_table(("date", "run", "of", "change", "what else"), changes),
        ]
    if told.lines:
        columns = ("of", "figure", "newest", "trend", "level")
        parts += ["## Series", markdown_table(columns, list(_series_rows(told.lines)))]
    if told.history.damaged:
        parts += [
            "## Damaged records",
            markdown_table(("run", "why"), [*told.history.damaged.items()]),
        ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _series_rows(lines: Sequence[Line]) -> Iterable[tuple[str, ...]]:
    for owner, own in by_owner(lines).items():
        for group in groups_of(own):
            values = " / ".join(value_text(line) for line in group)
            spark = sparkline(moving(group), _SPARK)
            yield owner, label_of(group), values, spark, state(group)
