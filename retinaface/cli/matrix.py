"""The command `retinaface matrix`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.answers.of_matrix import matrix_answer, show, workers_notes
from retinaface.cli.options import PATH
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.usage.commands import Command
from retinaface.cli.validate import validate
from retinaface.suite.settings.given import NO_FILE
from retinaface.telling.visible import told
from retinaface.telling.words import count

if TYPE_CHECKING:
    from distributed import Client

    from retinaface.cli.answers.matrix import Matrix
    from retinaface.cluster.targets.plan import Target
    from retinaface.cluster.targets.rows import TargetRow
    from retinaface.records.read import Run

# Of a target that left no record, the last lines of its output say most.
_TAIL = 5


@click.command(cls=Command, no_args_is_help=True)
@click.argument("plan", type=PATH, metavar="PLAN.toml")
@click.option(
    "--scheduler",
    default="local:1",
    show_default=True,
    metavar="ADDRESS|local:N",
    help="Dask scheduler, tcp://HOST:PORT or tls://HOST:PORT; or N workers on this machine.",
)
@click.option(
    "--output",
    type=PATH,
    required=True,
    metavar="DIR",
    help="New folder: a record for each target, report.html, report.md, matrix.json.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long a target waits while no worker has what it needs; then it is INCONCLUSIVE.",
)
@answering(show)
def matrix(plan: Path, scheduler: str, output: Path, wait: float) -> Matrix:
    """Validate many targets, each isolated on a fitting worker.

    \b
    retinaface matrix plan.toml --output MATRIX
    retinaface matrix plan.toml --scheduler tcp://10.0.0.1:8786 --output MATRIX

    \b
    [defaults]                        # for every target
    widerface = "embedded"            # any option of validate, by its name
    weights = "embedded"
    [[target]]
    engine = ["ort-cpu-fp32", "ort-cpu-fp16"]
    [[target]]
    name = "board"                    # of its row and its folder
    engine = "igie-iluvatar-fp16"
    python = "/opt/sdk/bin/python3"   # interpreter or environment on the worker
    needs = {GPU = 1}                 # a worker started with --resources "GPU=1"
    time-limit = 1800                 # seconds; then it is a FAIL
    env = {CUDA_VISIBLE_DEVICES = "0"}
    keywords = "fidelity"             # as validate -k; markers as -m
    alone = false                     # others may run beside it: no times are taken

    A target that fails, hangs, crashes, or finds no worker is a row. A worker that is lost costs a
    target one more start. Ctrl-C ends all targets and keeps the records that came home.

    Exit codes: that of the worst row, 1 FAIL, 10 INCONCLUSIVE, 0 PASS; 2 for a bad plan, before
    anything runs.
    """
    from retinaface.cluster.connection import connect
    from retinaface.cluster.targets.plan import read_plan
    from retinaface.cluster.targets.workers import list_workers
    from retinaface.files import check_output_dir
    from retinaface.report import check_libraries

    targets = read_plan(plan)
    _check_options(plan, targets)
    check_output_dir(output)
    check_libraries()
    with connect(scheduler) as client:
        output.mkdir(exist_ok=True)
        workers = list_workers(client) or []
        found = dict(_run(client, scheduler, targets, output, wait))
    names = [target.name for target in targets]
    rows = [found[name][0] for name in names]
    runs = [run for name in names if (run := found[name][1]) is not None]
    notes = list(workers_notes(targets, workers))
    return matrix_answer(plan, scheduler, output, rows, runs, notes)


def _run(
    client: Client, scheduler: str, targets: Sequence[Target], folder: Path, wait_s: float
) -> Iterator[tuple[str, tuple[TargetRow, Run | None]]]:
    """Run the targets; bring home what each leaves, and tell how it ended, as they end."""
    from retinaface.cluster.targets.placing import Placing
    from retinaface.cluster.targets.rows import bring_home

    n_ended = 0
    if wants_progress():
        n_workers = count(len(client.nthreads()), "worker")
        said = f"{count(len(targets), 'target')} on {n_workers} of {scheduler} ..."
        click.echo(told(said), err=True)
    try:
        for finished in Placing(client, targets, wait_s=wait_s).run():
            row, run = bring_home(finished, folder)
            n_ended += 1
            if wants_progress():
                _tell(row, f"[{n_ended}/{len(targets)}]", finished.outcome.output)
            yield row.name, (row, run)
    except (KeyboardInterrupt, SystemExit):
        click.echo(told(f"{count(n_ended, 'target')} ended before; see {folder}"), err=True)
        raise


def _tell(row: TargetRow, counted: str, output: str) -> None:
    """Say in a line how a target ended; of one without a record, what it said last."""
    reason = f": {row.reason}" if row.reason else ""
    said = f"{counted} {row.verdict} {row.name} in {row.seconds:.1f} s{reason}"
    click.echo(told(said), err=True)
    if row.record is None:
        for line in output.rstrip().splitlines()[-_TAIL:]:
            click.echo(told(f"    {line}"), err=True)


def _check_options(plan: Path, targets: Sequence[Target]) -> None:
    """Refuse before anything runs what `validate` would refuse on a worker."""
    from retinaface.cluster.targets.plan import PlanError

    for target in targets:
        try:
            validate.make_context("validate", [*target.arguments, f"--config={NO_FILE}"]).close()
        except click.UsageError as error:
            raise PlanError(f"{plan}: target {target.name}: {error.format_message()}") from error
