"""Which weights a run uses, decided without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retinaface.assets import CHECKPOINT, find_asset, get_asset
from retinaface.errors import WeightsError
from retinaface.files import file_sha256

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class WeightsChoice:
    """What exports and references are made of.

    Attributes:
        source: Path of a checkpoint, or `synthetic`.
        description: For people; says why, where it is not what one would expect.
        sha256: Of the file; None for synthetic ones.
    """

    source: str
    description: str
    sha256: str | None

    @property
    def is_synthetic(self) -> bool:
        """Whether they find no faces."""
        return self.source == SYNTHETIC


def choose_weights(asked: str | None) -> WeightsChoice:
    """The checkpoint asked for; without one the published, where it is at hand; else synthetic.

    Raises:
        WeightsError: The file asked for does not exist.
        AssetError: The published checkpoint is there and has another hash.
    """
    if asked == SYNTHETIC:
        return WeightsChoice(SYNTHETIC, "synthetic, as asked for; they find no faces", None)
    if asked is not None:
        if not Path(asked).is_file():
            raise WeightsError(f"--weights {asked} is not a file; give a checkpoint or 'synthetic'")
        return WeightsChoice(asked, asked, file_sha256(Path(asked)))
    found = find_asset(get_asset(CHECKPOINT))
    if found is None:
        return WeightsChoice(
            SYNTHETIC,
            f"SYNTHETIC, which find no faces: {CHECKPOINT} is neither in RETINAFACE_ASSETS nor in "
            f"the cache; get it: retinaface assets fetch {CHECKPOINT}",
            None,
        )
    return WeightsChoice(str(found), f"{CHECKPOINT} (published)", file_sha256(found))
