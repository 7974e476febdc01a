"""The set that ships with the package: generated pictures, their ground truth, and a checkpoint.

The programs in `tools/embedded` made it; it contains no part of WIDER FACE or of the published
checkpoint. It has the layout of WIDER FACE, so everything that reads WIDER FACE can read it. Its
figures compare only with its own baselines.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from retinaface.assets import EMBEDDED, EMBEDDED_CHECKPOINT_SHA256, EMBEDDED_SET_SHA256
from retinaface.errors import AssetError
from retinaface.storage.hashing import file_sha256

CHECKPOINT_FILE = "embedded.pth"
PACKAGE_DIR = Path(__file__).parent
_SET = "widerface"


def embedded_checkpoint() -> Path:
    """Give the path of the checkpoint, after a check of its hash.

    Raises:
        AssetError: The file is missing or is not the pinned one.
    """
    path = PACKAGE_DIR / CHECKPOINT_FILE
    actual = file_sha256(path) if path.is_file() else "nothing"
    _check(path, EMBEDDED_CHECKPOINT_SHA256, actual)
    return path


@functools.cache
def embedded_root() -> Path:
    """Give the folder of pictures and ground truth, after a check of every file in it.

    Raises:
        AssetError: A file is missing, changed, or does not belong there.
    """
    root = PACKAGE_DIR / _SET
    _check(root, EMBEDDED_SET_SHA256, folder_sha256(root))
    return root


@functools.cache
def _picture_hashes() -> frozenset[str]:
    return frozenset(file_sha256(path) for path in embedded_root().rglob("*.jpg"))


@functools.cache
def embedded_truth_sha256() -> dict[str, str]:
    """Give the SHA-256 of each of the four ground truth files, by name."""
    return {path.name: file_sha256(path) for path in (embedded_root() / "ground_truth").iterdir()}


def is_embedded_picture(data: bytes) -> bool:
    """Tell whether a file's bytes are a picture of the set."""
    return hashlib.sha256(data).hexdigest() in _picture_hashes()


def folder_sha256(folder: Path) -> str:
    """Hash names and contents of all files in a folder; ignore empty folders."""
    files = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check(path: Path, expected: str, actual: str) -> None:
    if actual != expected:
        raise AssetError(
            f"{path} of the {EMBEDDED} set differs from the shipped one: expected sha256 "
            f"{expected[:16]}, got {actual[:16]}; install the package again"
        )
