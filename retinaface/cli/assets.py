"""The command `retinaface assets`, for pinned files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retinaface.cli.output.options import answering, wants_progress
from retinaface.cli.output.terminal import Printer

if TYPE_CHECKING:
    from retinaface.cli.answers.files import AssetList, AssetPath, AssetPaths, AssetRow
from retinaface.cli.usage.commands import Group
from retinaface.cli.usage.types import asset_names


@click.group(cls=Group, no_args_is_help=True)
def assets() -> None:
    """List and fetch pinned files: checkpoint, ground truth, images.

    The command looks for a file in the folder that RETINAFACE_ASSETS names, then in the cache
    (RETINAFACE_CACHE, else the user's), then on the network, and verifies its hash. The embedded
    set ships with the package: generated pictures, their ground truth, and weights trained on such
    pictures.
    """


def _show_list(answer: AssetList, printer: Printer) -> None:
    rows = [
        [
            row.name,
            "" if row.n_bytes is None else f"{row.n_bytes / 1e6:.1f}",
            row.licence,
            "WRONG HASH" if row.has_wrong_hash else row.path or "not on this machine",
        ]
        for row in answer.assets
    ]
    printer.table(["name", "MB", "licence", "where"], rows, right=[1])


@assets.command("list")
@answering(_show_list)
def list_() -> AssetList:
    """List every file with its size, its licence and its place on this machine."""
    from retinaface.assets import REGISTRY, find_asset, mirror_dir
    from retinaface.cli.answers.files import AssetList, AssetRow
    from retinaface.errors import AssetError

    mirror_dir()  # a missing mirror is an error of its own
    rows = []
    for asset in REGISTRY.values():
        row = AssetRow(name=asset.name, n_bytes=asset.n_bytes, licence=asset.licence, path=None)
        try:
            found = find_asset(asset)
            row.path = None if found is None else str(found)
        except AssetError:
            row.has_wrong_hash = True
        rows.append(row)
    return AssetList(assets=[*rows, _embedded_row()])


def _embedded_row() -> AssetRow:
    from retinaface.assets import EMBEDDED
    from retinaface.cli.answers.files import AssetRow
    from retinaface.embedded import embedded_checkpoint, embedded_root
    from retinaface.errors import AssetError

    row = AssetRow(name=EMBEDDED, n_bytes=None, licence="the package's", path=None)
    try:
        root = embedded_root()
        files = [embedded_checkpoint(), *(path for path in root.rglob("*") if path.is_file())]
    except AssetError:
        row.has_wrong_hash = True
    else:
        row.n_bytes, row.path = sum(path.stat().st_size for path in files), str(root)
    return row


def _show_paths(answer: AssetPaths, printer: Printer) -> None:
    for path in answer.paths:
        printer.line(path)


@assets.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=asset_names)
@answering(_show_paths)
def fetch(names: tuple[str, ...]) -> AssetPaths:
    """Fetch the named files, or all files, and print their paths."""
    from retinaface.assets import REGISTRY, fetch_asset, get_asset
    from retinaface.cli.answers.files import AssetPaths

    chosen = [get_asset(name) for name in names] or REGISTRY.values()
    return AssetPaths(paths=[str(fetch_asset(one, progress=wants_progress())) for one in chosen])


def _show_path(answer: AssetPath, printer: Printer) -> None:
    printer.line(answer.path)


@assets.command()
@click.argument("name", shell_complete=asset_names)
@answering(_show_path)
def path(name: str) -> AssetPath:
    """Print the path of a file; fail if it is not on this machine.

    NAME may be `embedded`, for the folder of the set that ships with the package.
    """
    from retinaface.assets import EMBEDDED, find_asset, get_asset
    from retinaface.cli.answers.files import AssetPath
    from retinaface.embedded import embedded_root
    from retinaface.errors import AssetError

    found = embedded_root() if name == EMBEDDED else find_asset(get_asset(name))
    if found is None:
        raise AssetError(f"{name} is not on this machine; run: retinaface assets fetch {name}")
    return AssetPath(path=str(found))
