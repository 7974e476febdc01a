"""Choose the weights of a run, without torch."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import (
    ASSETS_VARIABLE,
    CACHE_VARIABLE,
    CHECKPOINT,
    EMBEDDED,
    EMBEDDED_CHECKPOINT_SHA256,
    REGISTRY,
    Asset,
    cache_dir,
    find_asset,
    get_asset,
    verify,
)
from retinaface.embedded import CHECKPOINT_FILE, PACKAGE_DIR, embedded_checkpoint
from retinaface.errors import WeightsError
from retinaface.foreign import foreign_problem
from retinaface.network.file_kinds import refuse_other_kinds
from retinaface.storage.hashing import file_sha256


@dataclass(frozen=True)
class WeightsChoice:
    """The checkpoint of a run.

    Attributes:
        source: Path of a checkpoint.
        description: How messages and reports call it.
        sha256: Hash of the file.
        is_embedded: Whether it is the one that ships with the package, which knows only
            generated faces.
    """

    source: str
    description: str
    sha256: str
    is_embedded: bool = False


def embedded_weights() -> WeightsChoice:
    """Choose the checkpoint that ships with the package.

    Raises:
        AssetError: The file is missing, or is not the pinned one.
    """
    path = embedded_checkpoint()
    return WeightsChoice(str(path), EMBEDDED, file_sha256(path), is_embedded=True)


def choose_weights(asked: str | None) -> WeightsChoice:
    """Choose the given checkpoint, else the published one if it is here, else the embedded one.

    Raises:
        WeightsError: The given file does not exist, is no checkpoint, or is of another network.
        AssetError: The published checkpoint is here, or what is given lies in its place, but its
            hash is not the pinned one.
    """
    if asked == EMBEDDED:
        return embedded_weights()
    if asked is not None:
        if not Path(asked).is_file():
            raise WeightsError(
                f"--weights {asked} is not a file; give a checkpoint, or '{EMBEDDED}' for the one "
                "that ships with the package"
            )
        refuse_other_kinds(Path(asked))
        sha256 = file_sha256(Path(asked))
        refuse_foreign(Path(asked), sha256)
        check_pinned(Path(asked), sha256)
        is_embedded = sha256 == embedded_weights().sha256
        return WeightsChoice(asked, asked, sha256, is_embedded)
    found = find_asset(get_asset(CHECKPOINT))
    if found is None:
        return embedded_weights()
    return WeightsChoice(str(found), f"{CHECKPOINT} (published)", file_sha256(found))


def refuse_foreign(path: Path, sha256: str) -> None:
    """Refuse the checkpoint of another network, known by its hash.

    Args:
        path: Of the file, for the message.
        sha256: Of its content.

    Raises:
        WeightsError: Says which checkpoint it is, why it is not this network's, and the next step.
    """
    if foreign := foreign_problem(path, sha256):
        raise WeightsError(f"{foreign}; get the right one: retinaface assets fetch {CHECKPOINT}")


def check_pinned(path: Path, sha256: str) -> tuple[str, ...]:
    """Compare a checkpoint with the pinned hash of its place, and of its name.

    Args:
        path: Of the file.
        sha256: Of its content.

    Returns:
        A note where another file bears the name of a pinned one: it holds other weights, or damage,
        which its format cannot show.

    Raises:
        AssetError: It lies where the pinned file belongs, in the mirror, the cache or the package,
            and is not that file.
    """
    if is_known(sha256):
        return ()
    if (asset := _asset_at(path)) is not None:
        verify(asset, path)
    if path.name == CHECKPOINT_FILE and path.resolve().parent == PACKAGE_DIR:
        embedded_checkpoint()
    pins = {
        CHECKPOINT: get_asset(CHECKPOINT).known_hash.removeprefix("sha256:"),
        CHECKPOINT_FILE: EMBEDDED_CHECKPOINT_SHA256,
    }
    if (pin := pins.get(path.name)) is None:
        return ()
    owner = "the published" if path.name == CHECKPOINT else "the embedded"
    return (
        f"{path} has the name of {owner} checkpoint and is another file: expected sha256 "
        f"{pin[:16]}, got {sha256[:16]}; its weights are others, or damaged",
    )


def _asset_at(path: Path) -> Asset | None:
    """Find the asset whose place in the mirror or the cache a path is; None for any other place.

    A folder that is not there, or whose name needs a package that is missing, is no such place.
    """
    asset = REGISTRY.get(path.name)
    if asset is None:
        return None
    named = map(os.environ.get, (ASSETS_VARIABLE, CACHE_VARIABLE))
    folders = [Path(value) for value in named if value]
    if CACHE_VARIABLE not in os.environ and importlib.util.find_spec("pooch"):
        folders.append(cache_dir())
    places = [(folder / asset.relative_path).parent.resolve() for folder in folders]
    return asset if path.parent.resolve() in places else None


def is_known(sha256: str) -> bool:
    """Tell whether a checkpoint is the published one or the embedded one, by its hash."""
    published = get_asset(CHECKPOINT).known_hash.removeprefix("sha256:")
    return sha256 in (published, EMBEDDED_CHECKPOINT_SHA256)
