"""The command `retinaface assets`, for pinned files."""

from __future__ import annotations

import click

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


@assets.command("list")
def list_() -> None:
    """List every file with its size, its licence and its place on this machine."""
    from retinaface.assets import REGISTRY, find_asset, mirror_dir
    from retinaface.cli.output import print_table
    from retinaface.errors import AssetError

    mirror_dir()  # a missing mirror is an error of its own
    rows = []
    for asset in REGISTRY.values():
        try:
            where = str(find_asset(asset) or "not on this machine")
        except AssetError:
            where = "WRONG HASH"
        rows.append([asset.name, f"{asset.n_bytes / 1e6:.1f}", asset.licence, where])
    rows.append(_embedded_row())
    print_table(["name", "MB", "licence", "where"], rows, right=[1])


def _embedded_row() -> list[str]:
    from retinaface.assets import EMBEDDED
    from retinaface.embedded import embedded_checkpoint, embedded_root
    from retinaface.errors import AssetError

    try:
        root = embedded_root()
        files = [embedded_checkpoint(), *(path for path in root.rglob("*") if path.is_file())]
    except AssetError:
        return [EMBEDDED, "", "the package's", "WRONG HASH"]
    n_bytes = sum(path.stat().st_size for path in files)
    return [EMBEDDED, f"{n_bytes / 1e6:.1f}", "the package's", str(root)]


@assets.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=asset_names)
def fetch(names: tuple[str, ...]) -> None:
    """Fetch the named files, or all files, and print their paths."""
    from retinaface.assets import REGISTRY, fetch_asset, get_asset

    for asset in [get_asset(name) for name in names] or REGISTRY.values():
        click.echo(fetch_asset(asset, progress=True))


@assets.command()
@click.argument("name", shell_complete=asset_names)
def path(name: str) -> None:
    """Print the path of a file; fail if it is not on this machine.

    NAME may be `embedded`, for the folder of the set that ships with the package.
    """
    from retinaface.assets import EMBEDDED, find_asset, get_asset
    from retinaface.embedded import embedded_root
    from retinaface.errors import AssetError

    found = embedded_root() if name == EMBEDDED else find_asset(get_asset(name))
    if found is None:
        raise AssetError(f"{name} is not on this machine; run: retinaface assets fetch {name}")
    click.echo(found)
