"""Name the checkpoints of other networks whose tensors fit here without an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# By SHA-256 of the file: which checkpoint it is, and why it is not of this network.
FOREIGN: Mapping[str, str] = MappingProxyType(
    {
        "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220": (
            "the mobilenet0.25_Final.pth of Pytorch_Retinaface, which has the name, the size and "
            "the tensors of Face-Detector-1MB-with-landmark's, but not its network: it was trained "
            "with LeakyReLU (here: ReLU) and priors from 16 px (here: from 10), so it finds no face"
        ),
    }
)


def foreign_problem(path: Path, sha256: str) -> str:
    """Say which other network's checkpoint a file is; empty where it is not a known one.

    Args:
        path: Of the file, for the message.
        sha256: Of its content.
    """
    known = FOREIGN.get(sha256)
    return f"{path} is {known}" if known else ""
