"""Weights that an ONNX file keeps in other files; found without onnx, which may not be here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from retinaface.errors import ModelError
from retinaface.export.reading.places import file_of, locations_in
from retinaface.formats.faults import FormatError
from retinaface.storage.hashing import file_sha256


def weight_files(model: Path) -> list[Path]:
    """List the files of weights that an ONNX graph names and that lie beside it.

    Raises:
        ModelError: It names one by a whole path, or outside its own folder.
    """
    try:
        names = locations_in(model.read_bytes())
    except FormatError:  # no ONNX, so it names none; or beyond a limit, so nothing reads it
        return []
    try:
        paths = {file_of(name, model.parent) for name in names}
    except FormatError as error:
        raise ModelError(f"cannot use {model}: {error}") from error
    return sorted(path for path in paths if path is not None and path.is_file())


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
