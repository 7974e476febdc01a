"""Find the files of weights that an ONNX file names; needs no onnx, which may not be here."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from retinaface.errors import excerpt
from retinaface.export.reading.messages import MESSAGES, PLACE, ROOT
from retinaface.formats.faults import FormatError
from retinaface.formats.protobuf import check_message, texts_of

_KEY, _VALUE = 1, 2


def locations_in(data: bytes) -> set[str]:
    """List the names of files that tensors of a whole file name as the place of their values.

    Raises:
        FormatError: It is no ONNX, or beyond a limit.
    """
    entries = map(texts_of, check_message(data, ROOT, MESSAGES, listed=PLACE))
    return {entry.get(_VALUE, "") for entry in entries if entry.get(_KEY) == "location"}


def file_of(location: str, folder: Path) -> Path | None:
    """Find what a name stands for in a folder; None where nothing is there, or none can be.

    Args:
        location: As an ONNX file has it.
        folder: Of the ONNX file.

    Raises:
        FormatError: It lies outside of the folder, by its name or by a link.
    """
    kinds = (PurePosixPath(location), PureWindowsPath(location))
    is_inside = not any(kind.is_absolute() or ".." in kind.parts for kind in kinds)
    path = folder / location
    try:
        if is_inside and (not location or not path.exists() or path.is_dir()):
            return None
    except (OSError, ValueError):  # longer than a name can be; with a null character
        return None
    if is_inside and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        return path
    raise FormatError(
        f"its weights are in {excerpt(location)}, expected a file in its own folder; export again, "
        "with the weights beside it"
    )
