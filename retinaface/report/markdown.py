"""Render a report as Markdown, in a form that fits the summary of a CI step."""

from __future__ import annotations

from collections.abc import Iterator

from retinaface.comparison.text import markdown
from retinaface.report.content import TARGET_COLUMNS, Page
from retinaface.report.scorecard_text import markdown_parts
from retinaface.report.skips import SkipGroup
from retinaface.telling.markdown import code, inline, markdown_table
from retinaface.telling.words import count


def render_markdown(page: Page) -> str:
    """Render the page: of one run its scorecard, of several the comparison and each scorecard."""
    parts = [f"# {page.verdict}: {inline(page.title)}"]
    if page.card is not None:
        parts += [f"Run: **{inline(page.card.name)}**", *markdown_parts(page.card)]
    else:
        parts += _compared(page)
    asked = page.card is not None and bool(page.card.findings)
    if page.failures and not asked:
        parts.append("## Tests that are not green")
        parts += [
            f"- {verdict} {inline(run)}: {code(test)}: {inline(_first(reason))}"
            for run, test, verdict, reason in page.failures
        ]
    if page.skips:
        parts.append("## Skipped")
        parts += [_skip(page, group) for group in page.skips]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _compared(page: Page) -> Iterator[str]:
    if page.targets is not None:
        yield inline(page.targets.summary(len(page.runs)))
        yield f"## Targets\n\n{markdown_table(TARGET_COLUMNS, page.targets.rows)}"
    else:
        yield from (
            f"- **{inline(name)}** {verdict}: {inline(text)}"
            for name, verdict, text in page.sentences
        )
    yield from (f"- **{inline(name)}** warning: {inline(text)}" for name, text in page.warnings)
    names = [run.name for run in page.runs]
    for group in page.matrix:
        lines = [f"## {inline(group.subject)}", ""]
        lines += [inline(f"{run}: {other}") for run, other in group.others.items()] + [""]
        rows = [
            [
                f"{row.metric} ({row.unit})",
                *(" ".join((c.text, c.change, c.verdict)).strip() for c in row.cells),
            ]
            for row in group.rows
        ]
        yield "\n".join([*lines, markdown_table(["metric", *names], rows)])
    yield markdown(page.comparisons, page.unavailable, page.sessions)
    for card in page.scorecards:
        if card.answers:
            yield f"## {card.verdict}: {inline(card.name)}"
            yield from markdown_parts(card, level=3)


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _skip(page: Page, group: SkipGroup) -> str:
    who = f"{', '.join(group.engines)}: " if group.engines else ""
    runs = "" if len(page.runs) == 1 else f"{group.runs_text(page.runs)}: "
    return f"- {inline(runs)}{count(group.n, 'test')}: {inline(who)}{inline(group.reason)}"
