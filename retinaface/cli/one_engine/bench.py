"""The command `retinaface bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.options import MAX_BATCH, PATH, engine_option, model_options
from retinaface.cli.usage.commands import Command

if TYPE_CHECKING:
    from retinaface.engines.base import Engine
    from retinaface.suite.judged.bench import OutputCheck
    from retinaface.typing import Scores

_PROTOCOLS = ("ours", "vendor")


@click.command(cls=Command, no_args_is_help=True)
@engine_option(required=True)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    metavar="N",
    help="Images in one call; an engine that is built for it is built.  [default: that of the "
    "file, else 32]",
)
@click.option(
    "--protocol",
    type=click.Choice(_PROTOCOLS),
    default="ours",
    show_default=True,
    help="ours: median of single runs, each of which is waited for. vendor: mean of many runs back "
    "to back, with one wait at the end, as the maker's scripts measure.",
)
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write the figures as JSON.")
@model_options
def bench(
    engine: str,
    batch: int | None,
    protocol: str,
    json_file: Path | None,
    model: Path | None,
    engine_file: Path | None,
    weights: str | None,
    scores: Scores,
    threads: int | None,
    options: dict[str, str],
) -> None:
    """Time one engine: a line of images/s. Nothing is judged but the outputs.

    Outputs are compared with exact ones: of torch, or of FILE.reference.npz beside --model. Where
    there are none, they must be finite, and scores must be probabilities. Wrong ones end with 1.

    \b
    retinaface bench --engine igie-iluvatar-fp16 --engine-file X.so --protocol vendor
    retinaface bench --engine ort-cpu-fp32 --batch 8 --weights embedded --json speed.json
    """
    from retinaface.cli.one_engine.build import with_batch
    from retinaface.cli.output import write_json
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.engines.sources import DEFAULT_BATCH
    from retinaface.suite.judged.bench import output_check, time_engine

    entry = find_engine(engine)
    settings = options if engine_file else with_batch(engine, entry, options, batch)
    check = output_check(engine, model, engine_file, weights, scores)
    with open_engine(
        engine,
        model=model,
        engine_file=engine_file,
        weights=check.weights or weights,
        scores=scores,
        max_batch=batch or DEFAULT_BATCH,
        threads=threads,
        options=settings,
    ) as runner:
        n = _batch(runner, batch)
        figures = _describe(runner, check) | time_engine(runner, n, protocol, check)
    click.echo(_line(figures))
    if json_file is not None:
        write_json(json_file, figures)
        click.echo(json_file)


def _batch(engine: Engine, batch: int | None) -> int:
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


def _line(figures: dict[str, Any]) -> str:
    return (
        f"{figures['engine']}: {figures['images_per_s']:.3f} images/s at batch {figures['batch']} "
        f"on {figures['device']} ({figures['run_s'] * 1e3:.3f} ms, {figures['timed']}; outputs of "
        f"{figures['n_checked']} calls {figures['outputs']})"
    )
