"""The commands of `python -m tests.fuzz`."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from tests.fuzz.running import cases
from tests.fuzz.running.judging import FAILURE
from tests.fuzz.running.loop import Tally, fuzz, made, ready, replay
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS, load_libraries

# The seed of the few inputs that CI makes.
SMOKE_SEED = 23
# Targets take turns, so that a night ends with about as many inputs for each.
_SLICE_S = 60.0
_NAMES = click.option(
    "--target",
    "names",
    multiple=True,
    type=click.Choice(sorted(TARGETS)),
    metavar="NAME",
    help="A target; may be repeated. All of them if none is given.",
)


@click.group()
def main() -> None:
    """Damaged and hostile input for every reader."""


@main.command()
@_NAMES
@click.option("--seconds", type=float, default=3600.0, show_default=True, help="In all.")
@click.option(
    "--count", type=int, default=None, help="Inputs of each target; no limit if left out."
)
@click.option("--seed", type=int, default=None, help="Of the changes; any if left out.")
@click.option("--store/--no-store", default=True, help="Keep what fails under tests/fuzz/cases.")
def run(
    names: tuple[str, ...], seconds: float, count: int | None, seed: int | None, store: bool
) -> None:
    """Read damaged inputs until the time is over; exit code 1 where something failed."""
    seed = random.randrange(2**31) if seed is None else seed  # noqa: S311 - no secret
    click.echo(f"seed {seed}")
    load_libraries()
    chosen = _chosen(names)
    tallies = {target.name: Tally(target.name) for target in chosen}
    until, at = time.monotonic() + seconds, 0
    step = count or 2000
    while time.monotonic() < until and (count is None or at == 0):
        for target in chosen:
            end = until if count else min(until, time.monotonic() + _SLICE_S)
            fuzz(target, tallies[target.name], seed, range(at, at + step), end)
            _show(tallies[target.name], store=store)
        at += step
    _conclude(list(tallies.values()))


@main.command("replay")
@_NAMES
@click.option("--more", type=int, default=0, help="New inputs of each target, with a fixed seed.")
@click.option("--seed", type=int, default=SMOKE_SEED, show_default=True, help="Of those.")
@click.option("--number", type=int, default=None, help="Read only this input of the seed.")
@click.option("--json", "as_json", is_flag=True, help="Print all that happened as JSON.")
def replay_command(
    names: tuple[str, ...], more: int, seed: int, number: int | None, as_json: bool
) -> None:
    """Read the stored cases again; exit code 1 where one fails."""
    load_libraries()
    tallies = []
    for target in _chosen(names):
        tally = Tally(target.name)
        if number is None:
            replay(target, tally, seed, more)
        else:
            fuzz(target, tally, seed, range(number, number + 1), float("inf"))
        tallies.append(tally)
        if not as_json:
            _show(tally, store=False)
    if as_json:
        click.echo(json.dumps({tally.target: tally.as_dict() for tally in tallies}))
    else:
        _conclude(tallies)


@main.command()
@click.argument("case", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show(case: Path) -> None:
    """Say what a stored case does, and print its beginning."""
    load_libraries()
    target, data = TARGETS[cases.target_of(case)], cases.read(case)
    with ready(target) as (child, _):
        outcome = child.outcome(data)
    click.echo(f"{target.name}: {len(data)} bytes, put in place of {target.file}")
    click.echo(repr(data[:400]))
    click.echo(f"{outcome.what}: {outcome.signature}: {outcome.message}")
    sys.exit(1 if outcome.what == FAILURE else 0)


@main.command()
@click.argument("name", type=click.Choice(sorted(TARGETS)))
@click.option("--seed", type=int, default=SMOKE_SEED, show_default=True)
@click.option("--number", type=int, required=True)
@click.option("--output", type=click.Path(path_type=Path), required=True)
def make(name: str, seed: int, number: int, output: Path) -> None:
    """Write one damaged input into a file."""
    load_libraries()
    with ready(TARGETS[name]) as (_, seeds):
        output.write_bytes(made(TARGETS[name], seeds, seed, number))


def _chosen(names: Sequence[str]) -> list[Target]:
    return [TARGETS[name] for name in (names or TARGETS)]


def _show(tally: Tally, *, store: bool) -> None:
    """Print what a target did so far, and keep the smallest input of each failure."""
    counts = ", ".join(f"{tally.counts[w]} {w}" for w in ("read", "refused", "failure"))
    total = sum(tally.counts.values())
    click.echo(f"{tally.target}: {total} inputs: {counts}; slowest {tally.slowest_s:.1f} s")
    for one in tally.findings.values():
        if store:
            one.path = cases.store(tally.target, one.data, instead_of=one.path)
        place = one.path or f"python -m tests.fuzz {one.origin}"
        click.echo(f"  FAILURE {one.outcome.signature}: {one.outcome.message}")
        click.echo(f"    {one.count} times; {len(one.data)} bytes; {place}")
    sys.stdout.flush()


def _conclude(tallies: Sequence[Tally]) -> None:
    n_inputs = sum(sum(tally.counts.values()) for tally in tallies)
    n_failed = sum(len(tally.findings) for tally in tallies)
    click.echo(f"{n_inputs} inputs, {n_failed} kinds of failure")
    sys.exit(1 if n_failed else 0)
