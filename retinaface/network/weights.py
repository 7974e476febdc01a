"""Choose the weights of a run, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import CHECKPOINT, EMBEDDED, find_asset, get_asset
from retinaface.embedded import embedded_checkpoint
from retinaface.errors import WeightsError
from retinaface.files import file_sha256


@dataclass(frozen=True)
class WeightsChoice:
    """What exports and references are made of.

    Attributes:
        source: Path of a checkpoint.
        description: For people.
        sha256: Of the file.
        is_embedded: Whether they are those that ship with the package, which know only
            generated faces.
    """

    source: str
    description: str
    sha256: str
    is_embedded: bool = False


def embedded_weights() -> WeightsChoice:
    """Choose the checkpoint that ships with the package.

    Raises:
        AssetError: It is not the pinned one.
    """
    path = embedded_checkpoint()
    return WeightsChoice(str(path), EMBEDDED, file_sha256(path), is_embedded=True)


def choose_weights(asked: str | None) -> WeightsChoice:
    """Choose the checkpoint asked for, else the published one where it is here, else the embedded.

    Raises:
        WeightsError: The file asked for does not exist.
        AssetError: The published checkpoint is there and has another hash.
    """
    if asked == EMBEDDED:
        return embedded_weights()
    if asked is not None:
        if not Path(asked).is_file():
            raise WeightsError(
                f"--weights {asked} is not a file; give a checkpoint, or '{EMBEDDED}' for the one "
                "that ships with the package"
            )
        sha256 = file_sha256(Path(asked))
        is_embedded = sha256 == embedded_weights().sha256
        return WeightsChoice(asked, asked, sha256, is_embedded)
    found = find_asset(get_asset(CHECKPOINT))
    if found is None:
        return embedded_weights()
    return WeightsChoice(str(found), f"{CHECKPOINT} (published)", file_sha256(found))
