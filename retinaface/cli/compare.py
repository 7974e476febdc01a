"""The commands `retinaface compare` and `retinaface runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import COLOURS, PATH, sessions_option
from retinaface.cli.output import print_table, write_json
from retinaface.cli.usage.commands import Command
from retinaface.verdicts import SKIPPED

if TYPE_CHECKING:
    from retinaface.comparison.compare import RunComparison
    from retinaface.records.ab_session import AbSession
    from retinaface.records.find import Unavailable
    from retinaface.records.read import Run


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=PATH, metavar="A B [C...]")
@click.option("--markdown", type=PATH, metavar="FILE", help="Also write Markdown.")
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Also write JSON.")
@sessions_option(": they settle the times that records leave open")
@click.option(
    "--attribute",
    is_flag=True,
    help="Find the stage at which the difference begins: checkpoint, export, simplification, "
    "precision, file, images, inputs, raw outputs, decoding, suppression, detections, evaluation.",
)
def compare(
    folders: tuple[Path, ...],
    markdown: Path | None,
    json_file: Path | None,
    session_paths: tuple[Path, ...],
    attribute: bool,
) -> None:
    """Compare run records with the first one, which is the old run.

    \b
    retinaface compare RUN-OLD RUN-NEW
    retinaface compare runs/                   all records in a folder, by name
    retinaface compare A B --attribute         at which stage does it begin?
    retinaface compare A B --markdown "$GITHUB_STEP_SUMMARY"

    A record is the folder that `validate --record`, `evaluate --output` or `score --record` wrote.
    The output lists differences of the environment, then each metric with its interval and
    verdict, then tests with different outcomes, then results and tests that only one run has. The
    terminal sums up the metrics that pass; Markdown and JSON have every row. Times on a CPU are
    judged only far beyond the noise of two runs; for smaller changes the `retinaface ab` command is
    printed.

    Exit codes: 0 PASS, 1 FAIL, 2 bad input, 10 INCONCLUSIVE; the worst of all comparisons.
    """
    from retinaface.comparison.compare import compare_runs
    from retinaface.comparison.text import as_json
    from retinaface.comparison.text import markdown as as_markdown
    from retinaface.comparison.turns import settle
    from retinaface.files import check_output_file
    from retinaface.records.ab_session import read_sessions
    from retinaface.records.find import find_runs
    from retinaface.verdicts import worst

    for path in (markdown, json_file):
        if path is not None:
            check_output_file(path)
    runs, unavailable = find_runs(folders)
    if len(runs) < 2:
        raise click.UsageError(
            f"compare needs at least two records, got {len(runs)}; name the folders that "
            "validate --record, evaluate --output or score --record wrote"
        )
    sessions = read_sessions(session_paths)
    comparisons = [settle(compare_runs(runs[0], run), sessions) for run in runs[1:]]
    texts = [_print(comparison, attribute=attribute) for comparison in comparisons]
    _print_turns(sessions)
    _print_unavailable(unavailable)
    if markdown is not None:
        _write_markdown(markdown, as_markdown(comparisons, unavailable, sessions), texts)
    if json_file is not None:
        write_json(json_file, as_json(comparisons, unavailable, sessions))
        click.echo(f"JSON: {json_file}")
    verdict = worst([*(c.verdict for c in comparisons), *(s.verdict for s in sessions)])
    click.secho(f"VERDICT: {verdict}", fg=COLOURS[str(verdict)], bold=True)
    click.get_current_context().exit(verdict.exit_code)


def _write_markdown(path: Path, text: str, attributions: Sequence[str]) -> None:
    from retinaface.files import new_file

    with new_file(path) as file:
        file.write_text(text + "".join(attributions), encoding="utf-8")
    click.echo(f"Markdown: {path}")


def _print(comparison: RunComparison, *, attribute: bool) -> str:
    """Print one comparison; return the attribution as Markdown, if it was asked for."""
    from retinaface.comparison.text import (
        METRIC_COLUMNS,
        brief_rows,
        open_commands,
        same_environment_text,
        summary,
        unknown_texts,
    )

    click.secho(
        f"{comparison.new.name} against {comparison.old.name}: {comparison.verdict}",
        fg=COLOURS[str(comparison.verdict)],
        bold=True,
    )
    click.echo(f"{summary(comparison)}\n")
    for text in comparison.warnings:
        click.echo(f"warning: {text}")
    if comparison.environment:
        rows = [[d.key, _cut(d.old), _cut(d.new)] for d in comparison.environment]
        print_table(("environment", "old", "new"), rows)
    else:
        click.echo(same_environment_text(comparison))
    for line in unknown_texts(comparison):
        click.echo(line)
    click.echo()
    if comparison.metrics:
        print_table(METRIC_COLUMNS, brief_rows(comparison), right=(2, 3))
        click.echo()
    if commands := open_commands(comparison):
        click.echo("Not judged more closely here; timed turn by turn by:")
        click.echo("".join(f"  {command}\n" for command in commands))
    for change in comparison.outcomes:
        click.echo(f"{change.test}: {change.old} -> {change.new}: {change.reason}")
    _print_lone(comparison)
    return _print_attribution(comparison) if attribute else ""


def _print_attribution(comparison: RunComparison) -> str:
    """Print the stages of each pair of results; return them as Markdown."""
    from retinaface.comparison.attribution import attribute
    from retinaface.comparison.pairs import matched_pairs
    from retinaface.comparison.text import attribution_markdown

    markdown = ""
    pairs = matched_pairs(comparison.old, comparison.new)
    # A record with times and errors alone has nothing to trace.
    traced = [pair for pair in pairs if any(r.traced or r.ap for r in pair.results)]
    for pair in traced or pairs:
        found = attribute(pair)
        click.echo(f"\nWhere it begins, {pair.name}:")
        rows = [[stage.name, stage.state, stage.text] for stage in found.stages]
        print_table(("stage", "state", "what was found"), rows)
        click.secho(f"{found.sentence}\n", bold=True)
        markdown += attribution_markdown(found)
    return markdown


def _cut(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _print_lone(comparison: RunComparison) -> None:
    """Print what only one run has; of tests with the same reason, only the first."""
    by_reason: dict[tuple[str, str, str], list[str]] = {}
    for lone in comparison.one_sided:
        by_reason.setdefault((lone.kind, lone.side, lone.reason), []).append(lone.id)
    for (kind, side, reason), ids in by_reason.items():
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        click.echo(f"only in the {side} run: {kind} {ids[0]}{more} ({reason})")


def _print_turns(sessions: Sequence[AbSession]) -> None:
    from retinaface.comparison.turns import TURN_COLUMNS, turn_rows

    if sessions:
        print_table(TURN_COLUMNS, turn_rows(sessions))
        click.echo()


def _print_unavailable(rows: Sequence[Unavailable]) -> None:
    for row in rows:
        click.echo(
            f"{row.name} could not run: {row.package} {row.version}, Python {row.python}: "
            f"{row.reason}"
        )


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folders", nargs=-1, required=True, type=PATH, metavar="DIR...")
def runs(folders: tuple[Path, ...]) -> None:
    """List run records.

    \b
    retinaface runs runs/

    Each line has the date, the verdict, runtime and device, AP, and the number of tests.
    """
    from retinaface.records.find import find_runs

    found, unavailable = find_runs(folders)
    rows = [_listed(run) for run in sorted(found, key=lambda run: run.record.created)]
    print_table(("run", "created", "verdict", "runtime", "device", "AP (%)", "tests"), rows)
    for run in found:
        for text in run.warnings:
            click.echo(f"warning: {run.name}: {text}")
    _print_unavailable(unavailable)


def _listed(run: Run) -> list[str]:

    engines = [result.engine for result in run.results.values()]
    runtimes = ", ".join(dict.fromkeys(str(e["runtime"]) for e in engines if e.get("runtime")))
    devices = [engine.get("device_name") for engine in engines]
    devices += [str(a.get("name")) for a in run.environment.get("accelerators") or []]
    device = ", ".join(dict.fromkeys(filter(None, devices))) or run.environment["cpu"]
    scored = [result for result in run.results.values() if result.ap]
    first = scored[0] if scored else None
    ap = "-"
    if first is not None:
        values = " / ".join(f"{100 * value:.2f}" for value in first.ap.values())
        which = f"{', '.join(first.ap)}: " if len(first.ap) == 1 else ""
        more = f", {len(scored) - 1} more" if len(scored) > 1 else ""
        ap = f"{which}{values} ({first.id}{more})"
    outcomes: list[str | None] = [test.verdict for test in run.tests.values()]
    skipped = outcomes.count(SKIPPED)
    tests = f"{len(outcomes) - skipped} run, {skipped} skipped" if outcomes else "-"
    state = run.record.state
    verdict = (run.verdict or "not judged") + ("" if state == "finished" else f" ({state})")
    return [run.name, run.record.created, verdict, runtimes or "-", device, ap, tests]
