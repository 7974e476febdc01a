"""The command `retinaface agree`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.ab import files_of_side
from retinaface.cli.answers.of_agreement import agreement_answer, shard_row, shards_csv, show
from retinaface.cli.options import (
    MAX_BATCH,
    PATH,
    engine_option,
    engine_settings,
    model_options,
    pipeline_option,
)
from retinaface.cli.output.csv_file import check_csv, write_csv
from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import EngineName

if TYPE_CHECKING:
    from retinaface.checks.agreement.shards import Shard
    from retinaface.checks.agreement.sums import ShardSums
    from retinaface.cli.answers.agreement import Agreement, AgreeShard, AgreeSide
    from retinaface.detection.image_folders import FolderScan
    from retinaface.engines.base import Engine
    from retinaface.engines.specify import EngineSettings


@click.command(cls=Command, no_args_is_help=True)
@click.argument("folder", type=PATH)
@pipeline_option(required=True)
@engine_option(required=True)
@click.option(
    "--engine-b", type=EngineName(), metavar="NAME", help="New engine.  [default: as --engine]"
)
@click.option(
    "--b",
    "python_b",
    type=PATH,
    metavar="PYTHON",
    help="Environment of the new engine, or its interpreter.  [default: this one]",
)
@click.option("--model-b", type=PATH, metavar="FILE", help="Exported file for B, if it differs.")
@click.option(
    "--engine-file-b", type=PATH, metavar="FILE", help="Prebuilt engine for B, if it differs."
)
@engine_settings(
    "Engine option for B alone, beside those for both (repeatable).", "engine-option-b", "options_b"
)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    metavar="N",
    help="Most images in one call.  [default: the pipeline's own: 32, or 1 for upstream]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N images.")
@click.option(
    "--shard-size",
    type=click.IntRange(1, 1_000_000),
    default=256,
    show_default=True,
    metavar="N",
    help="Images in one shard, which has figures of its own.",
)
@click.option(
    "--skip-bad-images", is_flag=True, help="Leave out an image that does not decode, and count it."
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Also write the figures of every shard, a line each; '-' prints them in place of the "
    "text.",
)
@model_options
@answering(show)
def agree(folder: Path, csv_file: Path | None, **settings: Any) -> Agreement:
    """Compare two engines over images without ground truth.

    \b
    retinaface agree IMAGES --pipeline igie --engine ort-cpu-fp32 --engine-b ort-cpu-fp16
    retinaface agree IMAGES --pipeline igie --engine mine --b /opt/sdk-new/bin/python3

    Do both find the same faces? IMAGES is a folder of any depth; each image is decoded once for
    both, and only sums are kept, so memory does not grow with their number. --engine is A, the old
    side; B is the new one. The share of detections without a counterpart, and the mean offsets of
    the others, have intervals over images, and are compared with the limits of `validate`.

    Exit codes: 0 PASS, 1 FAIL, 2 bad input, 10 INCONCLUSIVE: too few images, and how many would do.
    """
    from retinaface.checks.agreement.judged import check_agreement
    from retinaface.detection.image_folders import FolderScan
    from retinaface.detection.pipelines import PIPELINES

    check_csv(csv_file)
    scan = FolderScan(folder)
    settings["batch"] = settings["batch"] or PIPELINES[settings["pipeline"]].batch_size
    notes, sides, rows, total, seconds = _compare(scan, settings)
    facts = {
        "seconds_taken": round(seconds, 3),
        "old": sides[0],
        "new": sides[1],
        "folder": str(folder),
        "csv": None if csv_file is None else str(csv_file),
        "notes": [*notes, *scan.notes()],
        **{name: settings[name] for name in ("pipeline", "batch", "shard_size")},
    }
    checks = check_agreement(total, (sides[0].precision, sides[1].precision))
    if csv_file is not None:
        write_csv(csv_file, shards_csv(rows))
    return agreement_answer(total, rows, checks, **facts)


def _compare(
    scan: FolderScan, settings: dict[str, Any]
) -> tuple[list[str], list[AgreeSide], list[AgreeShard], ShardSums, float]:
    """Run both engines; give notes, what ran, the rows of the shards, the sums of all, seconds.

    Raises:
        DatasetError: There is no image.
    """
    from retinaface.checks.agreement.shards import compare_shards
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.network.weights import choose_weights

    names = _first_names(scan, settings["limit"])
    weights = choose_weights(settings["weights"])
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(_open(settings, weights.source, is_b=False))
        new = stack.enter_context(_open(settings, weights.source, is_b=True))
        started = time.perf_counter()
        shards = compare_shards(
            old,
            new,
            PIPELINES[settings["pipeline"]],
            names,
            scan.read,
            shard_size=settings["shard_size"],
            batch_size=settings["batch"],
            skip_bad_images=settings["skip_bad_images"],
        )
        rows, total = _add_up(_shown(shards))
        taken_s = time.perf_counter() - started
        notes = [*old.spec.model_notes, *new.spec.model_notes]
        sides = [_side(old, settings, is_b=False), _side(new, settings, is_b=True)]
    if weights.is_embedded and not any(files_of_side(settings, is_b=True).values()):
        notes.append("embedded weights, which know generated faces alone; others: --weights FILE")
    return list(dict.fromkeys(notes)), sides, rows, total, taken_s


def _first_names(scan: FolderScan, limit: int | None) -> Iterator[str]:
    """Give the images to run, one at least.

    Raises:
        DatasetError: There is none.
    """
    from retinaface.errors import DatasetError

    names = islice(scan, limit)
    if (first := next(names, None)) is None:
        why = "".join(f" ({note})" for note in scan.notes())
        raise DatasetError(f"no image in {scan.folder}{why}; name a folder of images, of any depth")
    return chain([first], names)


def _add_up(shards: Iterator[Shard]) -> tuple[list[AgreeShard], ShardSums]:
    """Give the row of each shard, and the sums of all; there is one at least."""
    first = next(shards)
    rows, total = [shard_row(1, first)], first.sums
    for number, shard in enumerate(shards, start=2):
        rows.append(shard_row(number, shard))
        total += shard.sums
    return rows, total


def _open(settings: dict[str, Any], weights: str, *, is_b: bool) -> Engine:
    """Open one of the engines, B in its own environment where it has one."""
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.opening import open_engine
    from retinaface.engines.remote.engine import open_remote_engine

    python = settings["python_b"] if is_b else None
    name = (settings["engine_b"] if is_b else None) or settings["engine"]
    files = files_of_side(settings, is_b=is_b)
    wanted: EngineSettings = {
        "model": files["model"],
        "engine_file": files["engine_file"],
        "weights": weights,
        "scores": settings["scores"],
        "max_batch": settings["batch"],
        "input_size_px": PIPELINES[settings["pipeline"]].input_size_px,
        "threads": settings["threads"],
        "shares_cpus": True,
        "options": {**settings["options"], **(settings["options_b"] if is_b else {})},
    }
    if python is None:
        return open_engine(name, **wanted)
    return open_remote_engine(python, name, **wanted)


def _side(engine: Engine, settings: dict[str, Any], *, is_b: bool) -> AgreeSide:
    if engine.spec.precision == "int8":
        raise click.UsageError(
            f"agree holds both sides to rounding, and {engine.spec.name} is INT8, which is held to "
            "budgets; judge it with: retinaface validate --budget-ap EASY,MEDIUM,HARD"
        )
    from retinaface.cli.answers.agreement import AgreeSide

    python = settings["python_b"] if is_b else None
    return AgreeSide(
        engine=engine.spec.name,
        precision=engine.spec.precision,
        python=None if python is None else str(python),
    )


def _shown(shards: Iterator[Shard]) -> Iterator[Shard]:
    """Count images on a progress bar, where stderr is a terminal."""
    from tqdm import tqdm

    is_off = None if wants_progress() else True  # None: off where there is no terminal
    with tqdm(desc="images", unit="image", leave=False, disable=is_off) as bar:
        for shard in shards:
            bar.update(shard.sums.n_images + shard.sums.n_bad)
            yield shard
