"""Read weights that an ONNX file keeps in other files of its folder, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from onnx import TensorProto

from retinaface.errors import excerpt
from retinaface.export.reading.places import file_of
from retinaface.export.reading.tensors import n_bytes_of
from retinaface.files import special_kind
from retinaface.formats.faults import FormatError

# An offset or a length, as texts.
_MOST_DIGITS = 18


def read_weights(tensors: Iterable[TensorProto], folder: Path, most_bytes: int) -> None:
    """Put the values of tensors that lie in files into the tensors.

    Args:
        tensors: Whose axes and types are checked.
        folder: Of the ONNX file.
        most_bytes: Of all values together.

    Raises:
        FormatError: A file is missing, lies outside of the folder, is none, or is too short; or the
            values are not as many as the axes say, or too many.
        OSError: A file cannot be read.
    """
    left = most_bytes
    for tensor in tensors:
        what = f"tensor {excerpt(tensor.name)}"
        place = {entry.key: entry.value for entry in tensor.external_data}
        path = _checked(place.get("location", ""), folder, what)
        if tensor.data_type == TensorProto.STRING:
            raise FormatError(f"{what} holds texts, which ONNX keeps in the file itself")
        offset, size = _number(place, "offset", what), path.stat().st_size
        wanted = n_bytes_of(tensor)
        length = _number(place, "length", what) if place.get("length") else size - offset
        if length != wanted:
            raise FormatError(
                f"{what} has the axes {excerpt(list(tensor.dims))}, expected {wanted} bytes for "
                f"them, got {length} of {path.name}"
            )
        if offset + length > size:
            raise FormatError(
                f"{what} takes {length} bytes from {offset} on of {path.name}, which has {size}"
            )
        if (left := left - length) < 0:
            raise FormatError(f"they have more than {most_bytes} bytes")
        with path.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _checked(location: str, folder: Path, what: str) -> Path:
    path = file_of(location, folder)
    if path is None:
        raise FormatError(f"{what} is in {excerpt(location)}, and there is no such file")
    if kind := special_kind(path):
        raise FormatError(f"{what} is in {excerpt(location)}, which is {kind}")
    return path


def _number(place: dict[str, str], key: str, what: str) -> int:
    text = place.get(key, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise FormatError(f"{what} has the {key} {excerpt(text)}, expected a number of bytes")
    return int(text)
