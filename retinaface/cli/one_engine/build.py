"""The command `retinaface build`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinaface.cli.options import MAX_BATCH, PATH, engine_option, engine_settings
from retinaface.cli.output.options import answering
from retinaface.cli.output.terminal import Printer
from retinaface.cli.usage.commands import Command
from retinaface.cli.usage.types import PathOrWord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retinaface.cli.answers.files import Built
    from retinaface.engines.base import Engine
    from retinaface.engines.catalogue import EngineEntry
    from retinaface.export.build_manifest import BuildManifest


def _show(answer: Built, printer: Printer) -> None:
    manifest = answer.manifest
    n = f"batch {manifest.batch}" if manifest.batch else "any batch"
    printer.say(
        f"{answer.path}: {manifest.engine}, {n}, by {manifest.runtime} from {manifest.source} in "
        f"{manifest.build_s:.1f} s, sha256 {manifest.sha256[:16]}"
    )
    printer.line(answer.manifest_path)


@click.command(cls=Command, no_args_is_help=True)
@engine_option(required=True)
@click.option(
    "--output", type=PATH, required=True, metavar="FILE", help="Engine file to write, as X.so."
)
@click.option(
    "--model",
    type=PATH,
    metavar="FILE.onnx",
    help="ONNX file to build from.  [default: an export of the weights, kept in the cache]",
)
@click.option(
    "--weights",
    type=PathOrWord("embedded"),
    metavar="FILE|embedded",
    help="Checkpoint to export; 'embedded' for the one that ships with the package.  "
    "[default: the published checkpoint]",
)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH),
    metavar="N",
    help="Images in every call of the file.  [default: 32, where the runtime fixes it]",
)
@engine_settings("Option of the engine (repeatable).")
@answering(_show)
def build(
    engine: str,
    output: Path,
    model: Path | None,
    weights: str | None,
    batch: int | None,
    options: dict[str, str],
) -> Built:
    """Build an engine file, with a manifest beside it.

    The build is run once before it is written. FILE.json beside FILE says what it was built from
    (with hashes), by what, and how; --engine-file reads it back, and refuses a file that is not the
    one of its manifest.

    \b
    retinaface build --engine igie-iluvatar-fp16 --batch 32 \\
        --model retinaface_opt.onnx --output retinaface_bs_32_fp16.so
    retinaface build --engine ixrt-iluvatar-fp16 --output retinaface_float16_bs32.engine
    """
    from retinaface.cli.answers.files import Built
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import open_engine
    from retinaface.engines.sources import DEFAULT_BATCH
    from retinaface.errors import EngineUnavailable
    from retinaface.export.build_manifest import manifest_of, write_build_manifest
    from retinaface.files import new_file

    entry = find_engine(engine)
    _check_builds(engine, entry)
    settings = with_batch(engine, entry, options, batch)
    with open_engine(
        engine, model=model, weights=weights, max_batch=batch or DEFAULT_BATCH, options=settings
    ) as runner:
        built, source = runner.built_file, runner.spec.given or runner.spec.model
        if built is None or source is None:
            raise EngineUnavailable(
                f"{engine} names no file that it built (built_file), so there is none to write"
            )
        manifest = _describe(runner, built, output.name, source)
        with new_file(output) as temporary:
            shutil.copyfile(built, temporary)
        write_build_manifest(output, manifest)
    return Built(path=str(output), manifest_path=str(manifest_of(output)), manifest=manifest)


def _describe(engine: Engine, built: Path, name: str, source: Path) -> BuildManifest:
    """Describe a build that will be a file of this name."""
    from datetime import datetime, timezone

    from retinaface.engines.sources import fixed_size
    from retinaface.environment import package_versions
    from retinaface.export.build_manifest import BuildManifest
    from retinaface.export.external_data import model_sha256
    from retinaface.storage.hashing import file_sha256

    spec, described = engine.spec, engine.describe()
    return BuildManifest(
        file=name,
        sha256=file_sha256(built),
        engine=spec.name,
        precision=spec.precision,
        batch=engine.fixed_batch,
        size_px=fixed_size(spec),
        options=dict(spec.options),
        runtime=str(described.get("runtime")),
        source=source.name,
        source_sha256=model_sha256(source),
        versions=package_versions(),
        build_s=float(described.get("build_s") or 0.0),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _check_builds(engine: str, entry: EngineEntry) -> None:
    from retinaface.engines.catalogue import BUILTIN
    from retinaface.errors import EngineUnavailable

    if not entry.builds_files:
        having = [name for name, known in BUILTIN.items() if known.builds_files]
        raise EngineUnavailable(
            f"{engine} builds no files, so there is none to write; it loads what retinaface "
            f"export writes; take one of: {', '.join(having)}"
        )


def with_batch(
    engine: str, entry: EngineEntry, options: Mapping[str, str], batch: int | None
) -> dict[str, str]:
    """Give the options of an engine with `batch` among them, where its files have one.

    Raises:
        EngineUnavailable: The engine cannot be imported.
    """
    from retinaface.engines.opening import import_factory

    declared = getattr(import_factory(engine, entry.factory), "known_options", {})
    if batch is None or "batch" not in declared or "batch" in options:
        return dict(options)
    return {**options, "batch": str(batch)}
