"""The command `retinaface ab`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.answers.of_ab import ab_answer, show
from retinaface.cli.options import (
    ENGINE_NAMES,
    LOCATION,
    MAX_BATCH,
    MAX_THREADS,
    PATH,
    engine_settings,
)
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import EngineName, PathOrSsh, PathOrWord

if TYPE_CHECKING:
    from retinaface.checks.speed.ab import Open, Timings
    from retinaface.cli.answers.speed import AbResult
    from retinaface.storage.location import Location
    from retinaface.suite.sources import DataChoice
    from retinaface.typing import FloatArray
    from retinaface.verdicts import Check


@click.command(cls=Command, no_args_is_help=True)
@click.option(
    "--a",
    "python_a",
    type=PathOrSsh(path_type=Path),
    metavar="PYTHON",
    help="Old Python: an environment, its interpreter, or ssh://[USER@]HOST[:PORT]/PATH of an "
    "interpreter on another machine.  [default: this one]",
)
@click.option(
    "--b",
    "python_b",
    type=PathOrSsh(path_type=Path),
    metavar="PYTHON",
    help="New Python.  [default: A's]",
)
@click.option(
    "--engine",
    default="ort-cpu-fp32",
    show_default=True,
    type=EngineName(),
    metavar="NAME",
    help=f"Engine for both: one of {', '.join(ENGINE_NAMES)}, or package.module:factory.",
)
@click.option("--engine-b", type=EngineName(), metavar="NAME", help="Engine for B, if it differs.")
@click.option(
    "--model",
    type=PATH,
    metavar="FILE",
    help="Exported file for both.  [default: an export of the weights, made here]",
)
@click.option("--model-b", type=PATH, metavar="FILE", help="Exported file for B, if it differs.")
@click.option(
    "--engine-file",
    type=PATH,
    metavar="FILE",
    help="Prebuilt engine for both, in place of a model.",
)
@click.option(
    "--engine-file-b", type=PATH, metavar="FILE", help="Prebuilt engine for B, if it differs."
)
@click.option(
    "--weights",
    type=PathOrWord("embedded"),
    metavar="FILE|embedded",
    help="Checkpoint.  [default: the published one if it is here, else the embedded one]",
)
@engine_settings("Engine option for both (repeatable).")
@engine_settings(
    "Engine option for B alone, beside those for both (repeatable).", "engine-option-b", "options_b"
)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    default=32,
    show_default=True,
    metavar="N",
    help="Images in one call.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    default=1,
    show_default=True,
    metavar="N",
    help="Threads of each engine. On a shared machine one thread gives the least noise.",
)
@click.option(
    "--starts",
    type=click.IntRange(2, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="How many times to start the processes; each start is one sample of the ratio.",
)
@click.option(
    "--turns",
    type=click.IntRange(1, 10_000),
    default=15,
    show_default=True,
    metavar="N",
    help="Turns of each process in one start.",
)
@click.option(
    "--slowdown",
    type=click.FloatRange(3, 100),
    default=10,
    show_default=True,
    metavar="PERCENT",
    help="A PASS must have seen a slowdown so small, nine times of ten.",
)
@click.option(
    "--widerface",
    type=LOCATION,
    metavar="DIR|URL",
    help="Photographs to run on.  [default: WIDER FACE if it is on this machine, else the "
    "embedded pictures]",
)
@answering(show)
def ab(
    python_a: Path | str | None,
    python_b: Path | str | None,
    engine: str,
    engine_b: str | None,
    weights: str | None,
    widerface: Location | None,
    **settings: Any,
) -> AbResult:
    """Time two environments turn by turn.

    \b
    retinaface ab --a .venv-old --b .venv-new --model retinaface.onnx
    retinaface ab --b /opt/sdk/bin/python3 --engine mypackage.engines:open_mine
    retinaface ab --a ssh://board/opt/old/bin/python3 --b ssh://board/opt/new/bin/python3
    retinaface ab --engine ort-cpu-fp32 --engine-option-b fusions=off
    retinaface ab                                     how noisy is this machine?

    Is B slower than A by more than noise? Three processes take turns on the same input: A, A
    again, B. The difference between A and A again is the noise of the session; the time of B over
    that of A is compared with it. The detections of A and B are compared too. Each environment
    needs NumPy and the engine's runtime; this package need not be installed there. Another machine
    is reached with the system's ssh, without a password; files are those of this machine, and are
    sent. Times are taken beside the engine, without the network.

    A session that is too noisy to see --slowdown does not pass: it says how many --starts would
    decide. What `--json` wrote is read by `compare --ab` and `report --ab`.

    Exit codes: 0 PASS, 1 FAIL (slower beyond the noise, or different detections), 2 bad input,
    10 INCONCLUSIVE.
    """
    from retinaface.checks.speed.ab import Plan, measure
    from retinaface.network.weights import choose_weights
    from retinaface.suite.sources import choose_data

    python_a = python_a or Path(sys.executable)
    python_b = python_b or python_a
    engine_b = engine_b or engine
    chosen = choose_weights(weights)
    data = choose_data(widerface)
    images, notes = _images(data)
    open_a = _opener(python_a, engine, chosen.source, settings, is_b=False)
    open_b = _opener(python_b, engine_b, chosen.source, settings, is_b=True)
    plan = Plan(settings["batch"], settings["starts"], settings["turns"])
    timings = measure(open_a, open_b, images, plan, _progress)
    has_faces = data.is_embedded == chosen.is_embedded
    wanted = settings["slowdown"] / 100
    checks = _judge(timings, (engine, engine_b), wanted, has_faces=has_faces)
    pythons = {"A": str(python_a), "B": str(python_b)}
    return ab_answer(timings, plan.batch, checks, pythons, notes)


def _judge(
    timings: Timings, engines: Sequence[str], wanted: float, *, has_faces: bool
) -> list[Check]:
    """Judge outputs first, then speed; with FP16 on one side, the limits of FP16 apply."""
    from retinaface.checks.speed.ab import judge_outputs
    from retinaface.checks.speed.ab_judgement import judge_speed
    from retinaface.engines.catalogue import find_engine
    from retinaface.typing import rounding_of

    precision = rounding_of(*(find_engine(name).precision for name in engines))
    return [*judge_outputs(timings, precision, has_faces=has_faces), judge_speed(timings, wanted)]


def _images(data: DataChoice) -> tuple[FloatArray, list[str]]:
    """Make network inputs to draw batches from, and a note on them."""
    from retinaface.detection.pipelines import PIPELINES, photograph_inputs
    from retinaface.records.traced_images import spread
    from retinaface.reference.inputs import N_IMAGES, REAL
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(data.root)
    names = spread(dataset.select(None).images, N_IMAGES[REAL])
    note = "WIDER FACE is not on this machine; using the pictures of the embedded set"
    encoded = {name: dataset.read_bytes(name) for name in names}
    images = photograph_inputs(encoded, PIPELINES["igie"])
    return images, [note] if data.is_embedded else []


def _opener(
    python: Path | str, engine: str, weights: str, settings: dict[str, Any], *, is_b: bool
) -> Open:
    """Make the function that starts one side."""
    import functools

    from retinaface.engines.remote.engine import open_remote_engine

    return functools.partial(
        open_remote_engine,
        python,
        engine,
        **files_of_side(settings, is_b=is_b),
        weights=weights,
        max_batch=settings["batch"],
        threads=settings["threads"],
        shares_cpus=True,  # idle threads sleep while another process has its turn
        options={**settings["options"], **(settings["options_b"] if is_b else {})},
    )


def files_of_side(settings: dict[str, Any], *, is_b: bool) -> dict[str, Any]:
    """Choose the model or prebuilt engine of a side; B's own options win over those for both."""
    of_b = {name: settings[f"{name}_b"] for name in ("model", "engine_file")}
    if is_b and any(of_b.values()):
        return of_b
    return {name: settings[name] for name in of_b}


def _progress(n: int) -> Iterator[int]:
    from tqdm import tqdm

    is_off = None if wants_progress() else True  # None: off where there is no terminal
    yield from tqdm(range(n), desc="turns", unit="turn", leave=False, disable=is_off)
