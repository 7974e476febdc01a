"""The command `retinaface soak`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.one_engine.bench import batch_option, open_checked
from retinaface.cli.one_engine.soaking import progress, until_interrupted
from retinaface.cli.options import PATH, engine_option, finite, model_options
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.checks.soak.judged import Sample
    from retinaface.cli.answers.speed import SoakResult
    from retinaface.engines.base import Engine
    from retinaface.suite.judged.bench import OutputCheck
    from retinaface.suite.soak.log import Log
    from retinaface.suite.soak.run import Plan, Soak

LOG_VERSION = 1


def _show(answer: SoakResult, printer: Printer) -> None:
    end = ", ended early" if answer.ended_early else ""
    printer.say(
        f"{answer.engine}: {answer.n_calls} calls of batch {answer.batch} on {answer.device} in "
        f"{answer.seconds:.0f} s{end}; {answer.images_per_s:.1f} images/s at the median; outputs "
        f"of the first pass {answer.outputs}"
    )
    for check in answer.checks:
        printer.say(f"{check.verdict} {check.name}: {check.message}", verdict=str(check.verdict))
    printer.notes(answer.notes)
    printer.warnings(answer.warnings)
    if answer.output is not None:
        printer.aside(f"samples: {answer.output}")


@click.command(cls=Command, no_args_is_help=True)
@engine_option(required=True)
@click.option(
    "--hours",
    type=click.FloatRange(0, 10_000, min_open=True),
    callback=lambda context, option, value: value and finite(context, option, value),
    metavar="N",
    help="How long to run; 0.1 is six minutes.",
)
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    metavar="N",
    help="End after so many calls, in place of --hours, or before they are over.",
)
@batch_option
@click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="File that takes each sample as a line of JSON as soon as it is there, behind those of "
    "earlier runs.",
)
@model_options
@answering(_show)
def soak(
    engine: str,
    hours: float | None,
    calls: int | None,
    batch: int | None,
    output: Path | None,
    **settings: Any,
) -> SoakResult:
    """Run an engine for hours, and report what drifts.

    \b
    retinaface soak --engine ort-cpu-fp32 --hours 8 --output soak.jsonl
    retinaface soak --engine igie-iluvatar-fp16 --engine-file X.so --hours 24

    The outputs of each call are compared with those of a first pass over the same images, and those
    with exact ones. Speed, memory, file handles, threads and temperature are judged by how much
    they grew from the start to the end: PASS, FAIL or INCONCLUSIVE each; what cannot be read here
    is named. Ctrl-C ends the run early, with the verdict of what ran. A run that is killed leaves
    all samples in --output but the last.

    Exit codes: 0 PASS, 1 FAIL, 2 bad input, 10 INCONCLUSIVE.
    """
    from retinaface.suite.soak.log import Log
    from retinaface.suite.soak.run import Plan

    if hours is None and calls is None:
        raise click.UsageError("a soak needs a length: --hours N, --calls N, or both")
    plan = Plan(None if hours is None else hours * 3600, calls)
    with Log(output) as log, open_checked(engine, batch, **settings) as (runner, n, check):
        return _run(runner, n, plan, check, log, output)


def _run(
    engine: Engine, batch: int, plan: Plan, check: OutputCheck, log: Log, output: Path | None
) -> SoakResult:
    from retinaface.checks.speed.machine import FixedWork
    from retinaface.suite.soak.first_pass import first_pass
    from retinaface.suite.soak.log import FIRST_KEY
    from retinaface.suite.soak.readings import Readings
    from retinaface.suite.soak.run import Soak
    from retinaface.telling.work import working

    with working(f"soaking {engine.spec.name} at batch {batch}; Ctrl-C ends it with a verdict"):
        first = first_pass(engine, batch, check)
    described = engine.describe()
    log.append(
        {FIRST_KEY: LOG_VERSION, "started": time.time(), "engine": described, "batch": batch}
    )
    with FixedWork(engine.spec.device, 0.01) as work, until_interrupted() as is_stopped:
        one = Soak(engine, first, Readings(described), work)
        with progress(plan) as show:

            def take(sample: Sample) -> None:
                log.append(asdict(sample))
                show(one)

            one.run(plan, is_stopped, take)
        return _answer(one, batch, check, is_stopped(), log, output)


def _answer(
    one: Soak, batch: int, check: OutputCheck, is_early: bool, log: Log, output: Path | None
) -> SoakResult:
    import msgspec
    import numpy as np

    from retinaface.checks.soak.judged import judge_samples
    from retinaface.cli.answers.speed import SoakResult
    from retinaface.environment import device_name
    from retinaface.records.schema import CheckResult
    from retinaface.verdicts import worst

    described, machine = one.engine.describe(), one.work.noise()
    on_cpu = described["device"] == "cpu"
    critical = one.readings.critical
    judged = judge_samples(one.samples, machine, on_cpu=on_cpu, critical=critical)
    checks = [one.first.verdict(), *judged]
    verdict = worst(found.verdict for found in checks)
    log.append({"verdict": str(verdict), "checks": [found.as_json() for found in checks]})
    call_s = float(np.median([s.call_s for s in one.samples])) if one.samples else np.nan
    return SoakResult(
        verdict=verdict,
        engine=one.engine.spec.name,
        device=device_name(described),
        runtime=described.get("runtime"),
        precision=one.engine.spec.precision,
        batch=batch,
        outputs=check.words,
        n_calls=one.n_calls,
        seconds=one.samples[-1].at_s if one.samples else 0.0,
        images_per_s=batch / call_s,
        ended_early=is_early,
        checks=[msgspec.convert(found.as_json(), CheckResult) for found in checks],
        output=None if output is None else str(output),
        notes=one.readings.missing,
        warnings=[log.problem] if log.problem else [],
    )
