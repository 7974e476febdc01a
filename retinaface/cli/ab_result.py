"""Show the result of `retinaface ab` on the terminal, and give it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import COLOURS
from retinaface.cli.output import print_table

if TYPE_CHECKING:
    from retinaface.checks.speed.ab import Timings
    from retinaface.verdicts import Check, Verdict


def print_result(timings: Timings, batch: int, checks: Sequence[Check]) -> None:
    """Print environments, then times, then verdicts."""
    from retinaface.checks.intervals import mean_ratio_interval
    from retinaface.checks.speed.ab import AGAIN, SIDES, A, B
    from retinaface.checks.speed.ab_judgement import interval_words

    _print_differences(timings)
    click.echo()
    rows = []
    for side in SIDES:
        median_s = timings.median_s(side)
        ratio = "" if side == A else interval_words(mean_ratio_interval(timings.ratios(side)))
        rows.append([side, f"{1e3 * median_s:.3f}", f"{batch / median_s:.1f}", ratio])
    print_table(("", "ms a call", "images/s", "times as long as A"), rows, right=(1, 2))
    n_starts, n_turns = timings.seconds[B].shape
    largest = ", ".join(f"{name} {value:.2g}" for name, value in timings.largest.items())
    click.echo(f"medians of {n_starts} starts x {n_turns} turns; {AGAIN} is the noise")
    click.echo(f"largest differences of raw outputs: {largest}\n")
    *outputs, speed = checks
    if all(str(check.verdict) == "PASS" for check in outputs):
        outputs = outputs[:1]  # the share of unmatched detections covers the others
    for check in (*outputs, speed):
        click.secho(str(check), fg=COLOURS[str(check.verdict)])


def _print_differences(timings: Timings) -> None:
    """Print how environment and engine of A and B differ, and facts that only one side gives."""
    from retinaface.checks.speed.ab import A, B
    from retinaface.comparison.environments import compare_descriptions, unknown_lines

    environments, engines = (
        [by_side[side] for side in (A, B)]
        for by_side in (timings.environments, timings.descriptions)
    )
    found = compare_descriptions(environments, engines)
    if found.differences:
        rows = [[d.key, d.old, d.new] for d in found.differences]
        print_table(("what differs", "A", "B"), rows)
    elif not found.unknown:
        click.echo("A and B are the same environment and engine.")
    for line in unknown_lines(found.unknown, (A, B)):
        click.echo(line)


def result_json(
    timings: Timings, batch: int, checks: Sequence[Check], verdict: Verdict
) -> dict[str, Any]:
    """Give every sample and every check; see `records.ab_session.AbSession`; JSON types."""
    from retinaface.records.ab_session import AB_VERSION

    speed = checks[-1]
    return {
        "ab_version": AB_VERSION,
        "verdict": str(verdict),
        "speed_verdict": str(speed.verdict),
        "speed": dict(speed.numbers),
        "checks": [check.as_json() for check in checks],
        "batch": batch,
        "seconds_taken": round(timings.taken_s, 1),
        "seconds": {side: samples.tolist() for side, samples in timings.seconds.items()},
        "largest_differences": timings.largest,
        "engines": timings.descriptions,
        "environments": timings.environments,
    }
