"""The command `retinaface bench`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import MAX_BATCH, engine_option, model_options
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.cli.answers.speed import Bench
    from retinaface.engines.base import Engine
    from retinaface.suite.judged.bench import OutputCheck
    from retinaface.typing import Scores

_PROTOCOLS = ("ours", "vendor")


batch_option = click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    metavar="N",
    help="Images in one call; an engine that is built for it is built.  [default: that of the "
    "file, else 32]",
)


def _show(answer: Bench, printer: Printer) -> None:
    printer.say(
        f"{answer.engine}: {answer.images_per_s:.3f} images/s at batch {answer.batch} "
        f"on {answer.device} ({answer.run_s * 1e3:.3f} ms, {answer.timed}; outputs of "
        f"{answer.n_checked} calls {answer.outputs})"
    )
    if printer.is_verbose:
        built = f", file {answer.engine_file}" if answer.engine_file else ""
        printer.say(f"runtime {answer.runtime}, {answer.precision}{built}")


@click.command(cls=Command, no_args_is_help=True)
@engine_option(required=True)
@batch_option
@click.option(
    "--protocol",
    type=click.Choice(_PROTOCOLS),
    default="ours",
    show_default=True,
    help="ours: median of single runs, each of which is waited for. vendor: mean of many runs back "
    "to back, with one wait at the end, as the maker's scripts measure.",
)
@model_options
@answering(_show)
def bench(
    engine: str,
    batch: int | None,
    protocol: str,
    **settings: Any,
) -> Bench:
    """Time one engine: a line of images/s. Nothing is judged but the outputs.

    Outputs are compared with exact ones: of torch, or of FILE.reference.npz beside --model. Where
    there are none, they must be finite, and scores must be probabilities. Wrong ones end with 1.

    \b
    retinaface bench --engine igie-iluvatar-fp16 --engine-file X.so --protocol vendor
    retinaface bench --engine ort-cpu-fp32 --batch 8 --weights embedded --json speed.json
    """
    from retinaface.cli.answers.speed import Bench
    from retinaface.suite.judged.bench import time_engine
    from retinaface.telling.work import working

    with open_checked(engine, batch, **settings) as (runner, n, check):
        with working(f"timing {engine} at batch {n}"):
            figures = time_engine(runner, n, protocol, check)
        return Bench(**_describe(runner, check), **figures)


@contextlib.contextmanager
def open_checked(
    name: str,
    batch: int | None,
    *,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
    threads: int | None,
    options: dict[str, str],
) -> Iterator[tuple[Engine, int, OutputCheck]]:
    """Open an engine for calls of one batch, whose outputs are compared with exact ones.

    Args:
        batch: Images in a call; None for that of the file, else 32.

    Yields:
        The engine, the batch, and what its outputs are compared with.

    Raises:
        EngineUnavailable: It cannot run that batch.
    """
    from retinaface.cli.one_engine.build import with_batch
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.engines.sources import DEFAULT_BATCH
    from retinaface.suite.judged.bench import output_check

    settings = options if engine_file else with_batch(name, find_engine(name), options, batch)
    check = output_check(name, model, engine_file, weights, scores)
    with open_engine(
        name,
        model=model,
        engine_file=engine_file,
        weights=check.weights or weights,
        scores=scores,
        max_batch=batch or DEFAULT_BATCH,
        threads=threads,
        options=settings,
    ) as runner:
        yield runner, _batch_of(runner, batch), check


def _batch_of(engine: Engine, batch: int | None) -> int:
    """Choose the batch; an engine of one batch runs no other in one call."""
    from retinaface.errors import EngineUnavailable

    fixed = engine.fixed_batch
    if batch is not None and fixed not in (None, batch):
        raise EngineUnavailable(
            f"{engine.spec.name} runs batches of {fixed} alone, so {batch} images in one call "
            f"cannot be timed; give --batch {fixed}, or a file built for {batch}"
        )
    return batch or fixed or engine.spec.max_batch


def _describe(engine: Engine, check: OutputCheck) -> dict[str, Any]:
    from retinaface.environment import device_name

    described = engine.describe()
    return {
        "engine": engine.spec.name,
        "device": device_name(described),
        "runtime": described.get("runtime"),
        "precision": engine.spec.precision,
        "engine_file": engine.built_file.name if engine.built_file else None,
        "outputs": check.words,
    }
