"""Weights that an ONNX file keeps in other files; found without onnx, which may not be here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePath

from retinaface.errors import ModelError
from retinaface.files import file_sha256

# An entry of ONNX's `external_data` is a key and a value, each with its length before it.
_LOCATION = re.compile(rb"\x0a\x08location\x12(?P<n>[\x01-\x7f])(?=(?P<rest>.{1,127}))", re.DOTALL)


def weight_files(model: Path) -> list[Path]:
    """List the files of weights that an ONNX graph names and that lie beside it.

    Raises:
        ModelError: It names one outside of its folder.
    """
    names = (match["rest"][: match["n"][0]] for match in _LOCATION.finditer(model.read_bytes()))
    given = {name.decode(errors="replace") for name in names}
    for name in given:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ModelError(
                f"{model} keeps weights in {name!r}, outside of its folder, where nothing is read; "
                "save it again with the weights beside it"
            )
    paths = {model.parent / name for name in given}
    return sorted(path for path in paths if path.is_file())


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
