"""The command `retinaface compare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import LOCATION, sessions_option
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.cli.answers.records import Comparisons
    from retinaface.comparison.answer import Compared
    from retinaface.comparison.attribution import Attribution
    from retinaface.comparison.compare import RunComparison
    from retinaface.records.find import Unavailable
    from retinaface.storage.location import Location

# Where GitHub takes the summary of a step from: a file, to which a step appends.
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
_SUMMARY = "summary of the step"


def _show(answer: Comparisons, printer: Printer) -> None:
    for comparison in answer.comparisons:
        _show_one(comparison, printer)
    if answer.sessions:
        rows = [list(session.row.values()) for session in answer.sessions]
        printer.table(tuple(answer.sessions[0].row), rows)
        printer.say()
    show_unavailable(answer.unavailable, printer)
    if answer.markdown is not None:
        printer.aside(f"Markdown: {answer.markdown}")


def _show_one(comparison: Compared, printer: Printer) -> None:
    verdict = str(comparison.verdict)
    heading = f"{comparison.new.name} against {comparison.old.name}: {verdict}"
    printer.say(heading, verdict=verdict, is_bold=True)
    printer.say(comparison.summary)
    if printer.is_quiet:
        return
    printer.say()
    printer.warnings(comparison.warnings)
    _show_environment(comparison, printer)
    printer.say()
    _show_metrics(comparison, printer)
    for change in comparison.outcomes:
        printer.say(f"{change.test}: {change.old} -> {change.new}: {change.reason}")
    _show_lone(comparison, printer)
    for found in comparison.attributions:
        printer.say()
        printer.say(f"Where it begins, {found.name}:")
        rows = [[stage.name, stage.state, stage.text] for stage in found.stages]
        printer.table(("stage", "state", "what was found"), rows)
        printer.say(found.sentence, is_bold=True)
        printer.say()


def _show_environment(comparison: Compared, printer: Printer) -> None:
    from retinaface.comparison.environments import unknown_lines
    from retinaface.comparison.text import same_environment_text

    if comparison.environment:
        rows = [[d.key, d.old, d.new] for d in comparison.environment]
        printer.table(("environment", "old", "new"), rows)
    else:
        printer.say(same_environment_text(comparison))
    names = (comparison.old.name, comparison.new.name)
    for line in unknown_lines(comparison.unknown, names):
        printer.say(line)


def _show_metrics(comparison: Compared, printer: Printer) -> None:
    from retinaface.comparison.text import METRIC_COLUMNS, brief_rows, metric_rows, open_commands

    if comparison.metrics:
        rows = (metric_rows if printer.is_verbose else brief_rows)(comparison)
        printer.table(METRIC_COLUMNS, rows, right=(2, 3))
        printer.say()
    if commands := open_commands(comparison):
        printer.say("Not judged more closely here; timed turn by turn by:")
        for command in commands:
            printer.line(f"  {command}")
        printer.say()


def _show_lone(comparison: Compared, printer: Printer) -> None:
    """Print what only one run has; of what has the same reason, only the first, unless verbose."""
    by_reason: dict[tuple[str, str, str], list[str]] = {}
    for lone in comparison.one_sided:
        by_reason.setdefault((lone.kind, lone.side, lone.reason), []).append(lone.id)
    for (kind, side, reason), ids in by_reason.items():
        if printer.is_verbose:
            named = ", ".join(ids)
        else:
            named = f"{ids[0]} and {len(ids) - 1} more" if len(ids) > 1 else ids[0]
        printer.say(f"only in the {side} run: {kind} {named} ({reason})")


def show_unavailable(rows: Sequence[Unavailable], printer: Printer) -> None:
    """Print what could not run at all."""
    for row in rows:
        printer.say(
            f"{row.name} could not run: {row.package} {row.version}, Python {row.python}: "
            f"{row.reason}"
        )


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=LOCATION, metavar="A B [C...]")
@click.option(
    "--markdown",
    is_flag=False,
    flag_value=_SUMMARY,
    metavar="[FILE]",
    help=f"Also write Markdown; without FILE, append it to the file that {SUMMARY_VARIABLE} names, "
    "as GitHub expects.",
)
@sessions_option(": they settle the times that records leave open")
@click.option(
    "--attribute",
    is_flag=True,
    help="Find the stage at which the difference begins: checkpoint, export, simplification, "
    "precision, file, images, inputs, raw outputs, decoding, suppression, detections, evaluation.",
)
@answering(_show)
def compare(
    folders: tuple[Location, ...],
    markdown: str | None,
    session_paths: tuple[Path, ...],
    attribute: bool,
) -> Comparisons:
    """Compare run records with the first one, which is the old run.

    \b
    retinaface compare RUN-OLD RUN-NEW
    retinaface compare runs/                   all records in a folder, by name
    retinaface compare A B --attribute         at which stage does it begin?
    retinaface compare A B --markdown          append to the summary of a step on GitHub

    A record is the folder that `validate --record`, `evaluate --output` or `score --record` wrote.
    The output lists differences of the environment, then each metric with its interval and
    verdict, then tests with different outcomes, then results and tests that only one run has. The
    terminal sums up the metrics that pass; -v, Markdown and JSON have every row. Times on a CPU are
    judged only far beyond the noise of two runs; for smaller changes the `retinaface ab` command is
    printed.

    Exit codes: 0 PASS, 1 FAIL, 2 bad input, 10 INCONCLUSIVE; the worst of all comparisons.
    """
    from retinaface.cli.answers.records import Comparisons
    from retinaface.comparison.answer import compared, judged_session
    from retinaface.comparison.compare import compare_runs
    from retinaface.comparison.text import attribution_markdown
    from retinaface.comparison.text import markdown as as_markdown
    from retinaface.comparison.turns import settle
    from retinaface.records.ab_session import read_sessions
    from retinaface.records.find import find_runs
    from retinaface.verdicts import worst

    target = None if markdown is None else _markdown_file(markdown)
    runs, unavailable = find_runs(folders)
    if len(runs) < 2:
        raise click.UsageError(
            f"compare needs at least two records, got {len(runs)}; name the folders that "
            "validate --record, evaluate --output or score --record wrote"
        )
    sessions = read_sessions(session_paths)
    comparisons = [settle(compare_runs(runs[0], run), sessions) for run in runs[1:]]
    found = [_attributions(comparison) if attribute else [] for comparison in comparisons]
    if target is not None:
        parts = [attribution_markdown(one) for of_pair in found for one in of_pair]
        text = as_markdown(comparisons, unavailable, sessions)
        _write_markdown(target, "".join([text, *parts]))
    return Comparisons(
        verdict=worst([*(c.verdict for c in comparisons), *(s.verdict for s in sessions)]),
        comparisons=[compared(*both) for both in zip(comparisons, found, strict=True)],
        sessions=[judged_session(session) for session in sessions],
        unavailable=unavailable,
        markdown=None if target is None else str(target),
    )


def _attributions(comparison: RunComparison) -> list[Attribution]:
    """Place the difference of each pair of results."""
    from retinaface.comparison.attribution import attribute
    from retinaface.comparison.pairs import matched_pairs

    pairs = matched_pairs(comparison.old, comparison.new)
    # A record with times and errors alone has nothing to trace.
    traced = [pair for pair in pairs if any(r.traced or r.ap for r in pair.results)]
    return [attribute(pair) for pair in traced or pairs]


def _markdown_file(asked: str) -> Path:
    """Choose the file of the Markdown, and check that it can be written."""
    from retinaface.files import check_output_file

    named = os.environ.get(SUMMARY_VARIABLE, "")
    if asked == _SUMMARY and not named:
        raise click.UsageError(
            f"--markdown without FILE appends to the file that {SUMMARY_VARIABLE} names, which is "
            "not set here; name a file"
        )
    path = Path(named if asked == _SUMMARY else asked)
    check_output_file(path)
    return path


def _write_markdown(path: Path, text: str) -> None:
    """Write a whole file; append where other steps write too."""
    from retinaface.files import new_file

    named = os.environ.get(SUMMARY_VARIABLE, "")
    before = ""
    if named and path.resolve() == Path(named).resolve() and path.is_file():
        before = path.read_text(encoding="utf-8")
        before += "" if before.endswith("\n\n") or not before else "\n"
    with new_file(path) as file:
        file.write_text(before + text, encoding="utf-8")
