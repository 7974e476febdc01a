"""Weights that an ONNX file keeps in other files; found without onnx, which may not be here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from retinaface.errors import ModelError
from retinaface.storage.hashing import file_sha256

# An entry of ONNX's `external_data` is a key and a value, each with its length before it: one byte,
# or from 128 on two, the lower seven bits first. A path of Linux has 4095 bytes at most.
_LOCATION = re.compile(rb"\x0a\x08location\x12(?P<n>[\x01-\x7f]|[\x80-\xff][\x01-\x1f])", re.DOTALL)


def weight_files(model: Path) -> list[Path]:
    """List the files of weights that an ONNX graph names and that lie beside it.

    Raises:
        ModelError: It names one by a whole path, or outside its own folder.
    """
    content, paths = model.read_bytes(), set()
    ends = {match.end(): match["n"] for match in _LOCATION.finditer(content)}
    found = {content[end : end + _length(n)] for end, n in ends.items()}
    for name in (name.decode(errors="replace") for name in found):
        if not _is_there(path := model.parent / name):
            continue
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ModelError(
                f"cannot use {model}: its weights are in {name!r}, expected a file in its own "
                "folder; export again, with the weights beside it"
            )
        paths.add(path)
    return sorted(paths)


def _length(varint: bytes) -> int:
    return sum((byte & 0x7F) << (7 * i) for i, byte in enumerate(varint))


def _is_there(path: Path) -> bool:
    """Tell whether a file is there; bytes of weights that look like an entry name none."""
    return "\0" not in str(path) and path.is_file()


def model_sha256(model: Path) -> str:
    """Hash a model with its weights: the file, and the files of weights that it names.

    Returns:
        The SHA-256 of the file alone where all weights are in it.
    """
    others = weight_files(model)
    if not others:
        return file_sha256(model)
    parts = [file_sha256(model), *(f"{path.name} {file_sha256(path)}" for path in others)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
