"""The images of a run over a part of the set, beside its predictions, so that they can be scored.

A run over the whole set writes none: its folder is the official form and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from retinaface.errors import DatasetError
from retinaface.widerface.json_text import parse_json

RUN_LIST_FILE = "retinaface-images.json"


class RunList(msgspec.Struct, kw_only=True, frozen=True):
    """The images that were run, bad ones included, in the order of the run.

    Attributes:
        images: Their ids.
        label: What the run says of its own AP; empty for the official protocol.
    """

    schema_version: Literal[1] = 1
    images: list[str]
    label: str = ""

    def check(self, predicted: Iterable[str], known: Sequence[str], source: str) -> None:
        """Check that a list belongs to the predictions beside it.

        Args:
            predicted: Images that have predictions.
            known: Images of the ground truth.

        Raises:
            DatasetError: It lacks one of them, or names images that the ground truth lacks.
        """
        if lacking := sorted(set(self.images).difference(known)):
            raise DatasetError(
                f"{source} names {len(lacking)} images that are not in the ground truth, first "
                f"{lacking[0]}; choose the ground truth of the run: --widerface"
            )
        if beyond := sorted(set(predicted).difference(self.images)):
            raise DatasetError(
                f"{source} names the images of a run, and {len(beyond)} prediction files are for "
                f"others, first {beyond[0]}; to score all files over the whole set, delete the list"
            )


def write_run_list(folder: Path, images: Sequence[str], label: str = "") -> None:
    """Write the list of a run into the folder of its predictions."""
    content = msgspec.json.encode(RunList(images=list(images), label=label))
    (folder / RUN_LIST_FILE).write_bytes(msgspec.json.format(content) + b"\n")


def parse_run_list(data: bytes, source: str) -> RunList:
    """Parse the list of a run.

    Args:
        source: Name of the file in error messages.

    Raises:
        DatasetError: It is damaged, or names no image.
    """
    try:
        found = parse_json(data, RunList)
    except DatasetError as error:
        raise DatasetError(
            f"cannot read the images of a run, {source}: {error}; write the predictions again, or "
            "delete this file to score them over the whole set"
        ) from error
    if not found.images or len(set(found.images)) != len(found.images):
        what = "names an image twice" if found.images else "names no image"
        raise DatasetError(f"{source} {what}; write the predictions again")
    return found
