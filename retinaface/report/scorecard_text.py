"""Write a scorecard as text: for a terminal of 80 columns, and as Markdown for a CI summary."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from retinaface.report.answers import Answer, Finding
from retinaface.report.content import Page
from retinaface.report.margins import Margin, text_bar
from retinaface.report.scorecard import Scorecard
from retinaface.telling.markdown import Marked, block, code, indented_code, inline, markdown_table
from retinaface.telling.visible import visible
from retinaface.telling.words import count

WIDTH = 80
_VERDICT_WIDTH = 13
_TITLE_WIDTH = 27
_LABEL_WIDTH = 11
_MOST_LINES = 6  # of what one check says


def basis_rows(card: Scorecard) -> list[tuple[str, str, str]]:
    """Say what the verdict rests on: a label, the figure, and the words beside it."""
    basis = card.basis
    beside = [f"{basis.n_skipped} skipped"] if basis.n_skipped else []
    beside += [f"{basis.n_not_selected} not selected"] if basis.n_not_selected else []
    rows = [
        ("Images", str(basis.n_images), basis.images),
        ("Ran", _ran_text(card), ", ".join(basis.engines)),
        ("Tests", f"{basis.n_ran} ran", ", ".join(beside)),
    ]
    weakest = weakest_row(card)
    return [weakest, *rows] if weakest[1] else rows


def _ran_text(card: Scorecard) -> str:
    basis = card.basis
    return f"{count(len(basis.engines), 'engine')}, {count(len(basis.pipelines), 'pipeline')}"


def weakest_row(card: Scorecard) -> tuple[str, str, str]:
    """Say which point is the weakest: where a failure begins, else the smallest margin."""
    if card.findings:
        first = card.findings[0]
        where = first.margin.where if first.margin is not None else ""
        of = f"{first.n_bad} of {first.n_tests} tests"
        label = "Begins at" if first.verdict == "FAIL" else "Open"
        return label, first.title, f"{of}, {where}" if where else of
    if not card.weakest:
        return "Weakest", "", ""
    first_margin = card.weakest[0]
    return "Weakest", first_margin.left_text, margin_title(first_margin)


def margin_title(margin: Margin) -> str:
    """Name a check with its place, once."""
    name = margin.check.name
    where = margin.where
    return name if not where or name.startswith(where) else f"{name} ({where})"


def terminal_lines(card: Scorecard) -> list[str]:
    """Write the scorecard in lines of at most `WIDTH` columns, but for words that are longer."""
    lines = _wrap(f"{card.verdict}  {card.name}")
    lines += _wrap(card.sentence) + _wrap(card.problem) + _wrap(card.note)
    for label, figure, text in basis_rows(card):
        lines += _wrap(f"{label:{_LABEL_WIDTH}}{figure} {text}", " " * _LABEL_WIDTH)
    for text in card.warnings:
        lines += _wrap(f"Warning: {text}", "  ")
    if card.answers:
        lines += ["", *(line for answer in card.answers for line in _answer_lines(answer))]
    if card.weakest:
        lines += ["", "Least room left:"]
        lines += [line for margin in card.weakest for line in _margin_lines(margin)]
    for finding in card.findings:
        lines += ["", *_finding_lines(finding)]
    return lines


def page_lines(page: Page) -> list[str]:
    """Write what a page opens with: the scorecard of one run, or what moved between several."""
    if page.card is not None:
        return [*terminal_lines(page.card), ""]
    return [
        line
        for position in page.reading_order
        for line in _wrap("{1:{3}}{0}: {2}".format(*page.sentences[position], _VERDICT_WIDTH), "  ")
    ]


def _answer_lines(answer: Answer) -> list[str]:
    head = f"{answer.verdict:{_VERDICT_WIDTH}}{answer.title:{_TITLE_WIDTH}}"
    if answer.margin is None:
        return _wrap(f"{head}{answer.note}", " " * (_VERDICT_WIDTH + _TITLE_WIDTH))
    return [f"{head}{text_bar(answer.margin.share)} {answer.margin.left_text}"]


def _margin_lines(margin: Margin) -> list[str]:
    bar = f"{text_bar(margin.share)} {margin.left_text:15}"
    first, *others = _wrap(margin_title(margin), "", WIDTH - len(bar) - 3)
    indent = " " * (len(bar) + 3)
    more = _wrap(margin.sentence, "", WIDTH - len(indent))
    return [f"  {bar} {first}", *(indent + line for line in [*others, *more])]


def _finding_lines(finding: Finding) -> list[str]:
    head = f"{finding.verdict} {finding.title} {finding.n_bad} of {finding.n_tests} tests"
    lines = _wrap(head)
    if finding.earlier and finding.verdict == "FAIL":
        lines += _wrap(f"  It begins here; before it pass: {' '.join(finding.earlier)}", "    ")
    if finding.cause:
        lines += _wrap(f"  Begin with what fails before it: {finding.cause}")
    for result, text in finding.layers.items():
        lines += _wrap(f"  First layer of {result}: {text}", "    ")
    said = [line for text in finding.reason.split("\n") for line in _wrap(f"  {text}", "    ")]
    lines += said[:_MOST_LINES]
    for command in finding.commands:
        lines += [f"  {command.why}:", *_command_lines(command.text)]
    return lines


def _command_lines(text: str) -> list[str]:
    """Break a command so that a shell still reads it as one."""
    lines = _wrap(f"    {text}", "      ", WIDTH - 2)
    return [*(f"{line} \\" for line in lines[:-1]), *lines[-1:]]


def _wrap(text: str, indent: str = "", width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def markdown_parts(card: Scorecard, *, level: int = 2) -> Iterator[str]:
    """Write the scorecard as blocks of Markdown, without its heading.

    Args:
        card: Of a run.
        level: Of the headings inside.
    """
    mark = "#" * level
    yield inline(card.sentence)
    yield from (inline(text) for text in (card.problem, card.note) if text)
    facts = [
        f"- {label}: **{inline(figure)}** {inline(text)}".strip()
        for label, figure, text in basis_rows(card)
    ]
    facts += [f"- Warning: {inline(text)}" for text in card.warnings]
    yield "\n".join(facts)
    if card.answers:
        yield markdown_table(
            ["", "question", "margin left", "value", "baseline", "limit", "basis"],
            [_answer_cells(answer) for answer in card.answers],
        )
    if card.weakest:
        yield f"{mark} Least room left"
        yield markdown_table(
            ["margin left", "check", "engine · pipeline", "value", "limit"],
            [[_bar(m), m.check.name, m.where, _value(m), m.limit_text] for m in card.weakest],
        )
    for finding in card.findings:
        yield f"{mark} {finding.verdict}: {inline(finding.title)}"
        yield "\n".join(_finding_markdown(finding))


def _answer_cells(answer: Answer) -> list[str]:
    found = answer.margin
    if found is None:
        return [Marked(f"**{answer.verdict}**"), answer.title, "", "", "", "", answer.note]
    texts = [found.value_text, found.baseline_text, found.limit_text, answer.note]
    return [Marked(f"**{answer.verdict}**"), answer.title, _bar(found), *texts]


def _bar(margin: Margin) -> Marked:
    return Marked(f"`{text_bar(margin.share)}` {inline(margin.left_text)}")


def _value(margin: Margin) -> str:
    baseline = f" (baseline {margin.baseline_text})" if margin.baseline_text else ""
    return margin.value_text + baseline


def _finding_markdown(finding: Finding) -> list[str]:
    lines = [f"{finding.n_bad} of {finding.n_tests} tests; first: {code(finding.tests[0].id)}"]
    lines += [inline(f"First layer of {result}: {text}") for result, text in finding.layers.items()]
    said = finding.reason.split("\n")[:_MOST_LINES]
    lines += ["", block(said)]
    for command in finding.commands:
        lines += ["", f"{inline(command.why)}:", "", indented_code(command.text)]
    return lines
