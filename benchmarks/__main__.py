"""`python -m benchmarks`: measure what the product costs on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from retinaface.cli import run_command

PATH = click.Path(path_type=Path)
PARTS = ("speed", "killed", "overhead", "million")


widerface_option = click.option(
    "--widerface",
    type=PATH,
    envvar="RETINAFACE_WIDERFACE",
    help="WIDER FACE validation set.  [default: in the mirror or the cache]",
)


def data_options(command: Any) -> Any:
    """Add the options that name the images and the engine."""
    for option in (
        click.option("--model", type=PATH, metavar="FILE", help="The file that the engine loads."),
        click.option("--subset", help="Only a named part of the set: every-8."),
        click.option(
            "--engine", default="ort-cpu-fp32", show_default=True, help="What runs the network."
        ),
        widerface_option,
    ):
        command = option(command)
    return command


write_option = click.option(
    "--write", is_flag=True, help="Put the result into benchmarks/README.md."
)


@click.group()
def main() -> None:
    """Measure how fast the product is.

    Nothing else should run on the machine. Compare ratios within one run, not milliseconds between
    runs.
    """


@main.command("end-to-end")
@data_options
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="Only the first N images.")
@click.option("--batch", type=click.IntRange(1, 1024), default=32, show_default=True)
@click.option("--turns", type=click.IntRange(min=1), default=5, show_default=True)
@write_option
def end_to_end(
    widerface: Path | None,
    engine: str,
    subset: str | None,
    model: Path | None,
    images: int | None,
    batch: int,
    turns: int,
    write: bool,
) -> None:
    """Compare the product with the floor (decoding, inference) and with the usual scripts.

    \b
    python -m benchmarks end-to-end --widerface DIR
    """
    from benchmarks import measure, report
    from retinaface.widerface.dataset import default_root, open_widerface

    dataset = open_widerface(widerface or default_root())
    truth = dataset.select(subset, images)
    result = measure.end_to_end(dataset, truth, engine, batch=batch, turns=turns, model=model)
    text = report.end_to_end_section(result)
    click.echo(text)
    if write:
        report.plot(result, report.README.with_name("end-to-end.svg"))
        picture = "![Milliseconds an image: plain way, ours, floor](end-to-end.svg)"
        report.write_section("end-to-end", f"{text}\n{picture}\n")


@main.command("together")
@widerface_option
@click.option("--engine", default="ort-cpu-fp32", show_default=True, help="What runs the network.")
@click.option("--subset", help="Only a named part of the set: every-8.")
@click.option("--turns", type=click.IntRange(min=1), default=5, show_default=True)
@write_option
def together(
    widerface: Path | None, engine: str, subset: str | None, turns: int, write: bool
) -> None:
    """Compare the accuracy part of `validate` with one decoding and all inference.

    \b
    python -m benchmarks together --widerface DIR
    """
    from benchmarks import report
    from benchmarks.together import section, time_together
    from retinaface.widerface.dataset import default_root, open_widerface

    dataset = open_widerface(widerface or default_root())
    text = section(time_together(dataset, subset, engine, turns=turns))
    click.echo(f"{report.environment()}. {text}")
    if write:
        report.write_section("together", f"{report.environment()}. {text}")


@main.command()
@data_options
@click.option("--turns", type=click.IntRange(min=1), default=3, show_default=True)
@write_option
def scaling(
    widerface: Path | None,
    engine: str,
    subset: str | None,
    model: Path | None,
    turns: int,
    write: bool,
) -> None:
    """Measure milliseconds and memory by number of images, cores, batch, and threads.

    Where more images are wanted than the set has, images repeat.
    """
    from benchmarks import measure, report
    from retinaface.environment import n_usable_cpus
    from retinaface.widerface.dataset import default_root, open_widerface

    root = widerface or default_root()
    n_images = len(open_widerface(root).select(subset).images)
    cells = measure.scaling_cells(n_usable_cpus(), n_images)
    cells = measure.scale(
        cells,
        root.resolve(),
        engine,
        turns=turns,
        subset=subset,
        model=model.resolve() if model else None,
    )
    text = report.scaling_section(cells, engine)
    click.echo(text)
    if write:
        report.write_section("scaling", text)


@main.command("cluster")
@click.argument("parts", nargs=-1, required=True, type=click.Choice(PARTS), metavar="PART...")
@widerface_option
@click.option("--engine", default="ort-cpu-fp32", show_default=True, help="What runs the network.")
@click.option("--subset", help="Only a named part of the set: every-8.")
@click.option(
    "--workers", multiple=True, type=click.IntRange(min=1), default=[1, 2, 4], metavar="N"
)
@click.option("--turns", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--images", type=click.IntRange(min=1), default=1_000_000, show_default=True)
def cluster(
    parts: tuple[str, ...],
    widerface: Path | None,
    engine: str,
    subset: str | None,
    workers: tuple[int, ...],
    turns: int,
    images: int,
) -> None:
    """Measure runs on local workers: speed, a worker that is killed, overhead, a million images.

    \b
    speed: one machine and local:1, 2, 4, turn by turn
    killed: what a worker costs that is killed at a random time
    overhead: the scheduler's time for a task
    million: memory over --images, the embedded set by repetition

    \b
    python -m benchmarks cluster speed killed --widerface DIR
    python -m benchmarks cluster million --images 100000
    """
    from benchmarks import cluster as measured
    from benchmarks import report
    from retinaface.embedded import embedded_root
    from retinaface.widerface.dataset import default_root, open_widerface

    embedded = open_widerface(embedded_root())
    named = [part for part in parts if part in ("speed", "killed")]
    dataset = open_widerface(widerface or default_root()) if named else embedded
    truth = dataset.select(subset)
    click.echo(report.environment())
    for part in parts:
        if part == "speed":
            text = measured.speed(dataset, truth, engine, workers=list(workers), turns=turns)
        elif part == "killed":
            text = measured.killed(dataset, truth, engine, turns=turns)
        else:
            text = (
                measured.overhead(embedded)
                if part == "overhead"
                else measured.million(embedded, images)
            )
        click.echo(f"\n{part}: {text}")


@main.command("report")
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--runs", type=click.IntRange(min=2), default=10, show_default=True, metavar="N")
@click.option("--pictures", type=click.IntRange(min=0), default=6, show_default=True)
@click.option("--turns", type=click.IntRange(min=1), default=7, show_default=True)
@widerface_option
@write_option
def report_page(
    run: Path, runs: int, pictures: int, turns: int, widerface: Path | None, write: bool
) -> None:
    """Measure the report of RUN and its drifted copies: its size, and how fast a browser shows it.

    \b
    retinaface validate --engine ort-cpu-fp32 --pipeline igie --record RUN
    python -m benchmarks report RUN
    """
    import tempfile

    from benchmarks import report, report_page
    from retinaface.records.read import read_run
    from retinaface.widerface.dataset import default_root, open_widerface
    from tests.support.chromium import missing_chromium

    if (reason := missing_chromium()) is not None:
        raise click.UsageError(f"the report is opened in Chromium: {reason}")
    dataset = open_widerface(widerface or default_root())
    with tempfile.TemporaryDirectory() as folder:
        measured = report_page.measure(
            read_run(run), dataset, Path(folder), n_runs=runs, n_pictures=pictures, turns=turns
        )
    text = f"{report.environment()}. {report_page.section(measured)}"
    click.echo(text)
    if write:
        report.write_section("report", text)


@main.command("engines")
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN...")
def engines(runs: tuple[Path, ...]) -> None:
    """Put the table of engines of RUN into docs/engines.md, and its figures beside this file.

    \b
    retinaface validate --engine ort-cpu-fp32 --engine ... --record RUN
    python -m benchmarks engines RUN
    """
    from benchmarks import report
    from retinaface.comparison.engine_table import engine_rows
    from retinaface.records.find import find_runs

    rows = engine_rows(find_runs(runs)[0])
    report.write_engines(rows)
    click.echo(report.engines_section(rows))


@main.command("history")
@click.option("--runs", type=click.IntRange(min=80), default=10_000, show_default=True, metavar="N")
@click.option("--turns", type=click.IntRange(min=1), default=7, show_default=True)
@write_option
def history_index(runs: int, turns: int, write: bool) -> None:
    """Measure how long a folder of N small records takes to list.

    \b
    python -m benchmarks history
    """
    import tempfile

    from benchmarks import history, report

    with tempfile.TemporaryDirectory() as folder:
        measured = history.measure(Path(folder), runs, turns)
    text = f"{report.environment()}. {history.section(measured)}"
    click.echo(text)
    if write:
        report.write_section("history", text)


@main.command(hidden=True)
@data_options
@click.option("--images", type=int, required=True)
@click.option("--cores", type=int, required=True)
@click.option("--batch", type=int, required=True)
@click.option("--workers", type=int, required=True)
@click.option("--threads", type=int, required=True)
def one(
    widerface: Path, engine: str, subset: str | None, model: Path | None, **setting: int
) -> None:
    """Measure one row of the scaling table, and print it as JSON."""
    # Set the cores before anything counts the processors.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: setting["cores"]])
    from benchmarks import measure
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(widerface)
    cell = measure.Cell(**setting)
    ms = measure.run_one(dataset, dataset.select(subset), engine, cell, model)
    click.echo(json.dumps({"ms": ms, "peak_mib": measure.peak_resident_mib()}))


@main.command("soak")
@click.option("--engine", "engines", multiple=True, help="Only these.  [default: all on a CPU]")
@click.option("--batches", type=click.IntRange(min=0), default=10_000, show_default=True)
@click.option("--sessions", type=click.IntRange(min=0), default=200, show_default=True)
@click.option("--batch", type=click.IntRange(1, 1024), default=2, show_default=True)
@click.option("--weights", default="embedded", show_default=True, help="Checkpoint.")
@click.option("--here", is_flag=True, help="Run one engine in this process, and print JSON.")
def soak(
    engines: tuple[str, ...], batches: int, sessions: int, batch: int, weights: str, here: bool
) -> None:
    """Run many batches and many sessions of each engine: what do they leave behind?

    \b
    python -m benchmarks soak --engine ort-cpu-fp32
    """
    from benchmarks.soak import cpu_engines, run_each, run_one, section

    if here:
        for engine in engines:
            click.echo(json.dumps(run_one(engine, batches, sessions, batch, weights)))
        return
    words = [f"--batches={batches}", f"--sessions={sessions}", f"--batch={batch}"]
    results = run_each(engines or cpu_engines(), *words, f"--weights={weights}")
    click.echo(section(results))


if __name__ == "__main__":
    run_command(main, "benchmarks")
