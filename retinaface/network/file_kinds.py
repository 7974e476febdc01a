"""Tell what a file is that was given as a checkpoint and is none, without torch."""

from __future__ import annotations

import zipfile
from pathlib import Path

from retinaface.errors import WeightsError
from retinaface.files import refuse_pointer
from retinaface.formats.zip_directory import ZIP_ERRORS

# First bytes, and where they stand, of what is taken for a checkpoint.
_UNPACK = "unpack it, and give the checkpoint that is in it"
_SIGNATURES = (
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x89HDF\r\n", "an HDF5 file (Keras)", "give the PyTorch checkpoint"),
    (0, b"\x93NUMPY", "a NumPy array", "give the PyTorch checkpoint"),
)
_WEB_PAGES = (b"<!doctype html", b"<html", b"<?xml")
_N_START = 512
# The tags of the fields that may follow `ir_version` in an ONNX file: names, graph, opset.
_ONNX_TAGS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)


def refuse_other_kinds(path: Path) -> None:
    """Refuse a file that is certainly something else than a checkpoint.

    What is damaged, and what may be a checkpoint, is left to whoever reads it.

    Raises:
        WeightsError: Says what the file is, and the next step.
    """
    refuse_pointer(path, WeightsError)
    try:
        with path.open("rb") as file:
            start = file.read(_N_START)
    except OSError:
        return
    if not start:
        raise WeightsError(f"checkpoint {path} is empty (0 bytes); fetch it again")
    kind = _kind_by_start(start)
    if not kind and zipfile.is_zipfile(path):
        kind = _kind_of_zip(path)
    if kind:
        raise WeightsError(f"{path} is {kind[0]}, not a checkpoint; {kind[1]}")


def text_line(path: Path) -> str:
    """Give the first line of a file that is text, such as `404: Not Found`; empty for any other."""
    with path.open("rb") as file:
        start = file.read(_N_START)
    try:
        lines = start.decode("utf-8").strip().splitlines()
    except UnicodeDecodeError:
        return ""
    return lines[0][:60] if lines and lines[0].isprintable() else ""


def holds_safetensors(path: Path) -> bool:
    """Tell whether a file is in the format of safetensors: a length, then as much JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    n_bytes = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and n_bytes <= path.stat().st_size - 8


def _kind_by_start(start: bytes) -> tuple[str, str] | None:
    for at, signature, what, next_step in _SIGNATURES:
        if start[at : at + len(signature)] == signature:
            return what, next_step
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGES):
        return (
            "a web page",
            "the download gave a page in place of the file: fetch the file itself (on GitHub by "
            "its 'Raw' link)",
        )
    if len(start) > 2 and start[0] == 0x08 and start[1] < 0x20 and start[2] in _ONNX_TAGS:
        return (
            "an ONNX model",
            "give it with --model, and leave --weights to the checkpoint that it was made from",
        )
    return None


def _kind_of_zip(path: Path) -> tuple[str, str] | None:
    """Look into a zip; a checkpoint of torch is one too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (*ZIP_ERRORS, ValueError):
        return None
    last = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last and any("code" in name.split("/")[:-1] for name in names):
        return (
            "a TorchScript archive (torch.jit.save)",
            f"save its tensors alone: torch.save(torch.jit.load({str(path)!r}).state_dict(), "
            "'weights.pth')",
        )
    if last & {"archive_format", "serialized_exported_program.json"}:
        return (
            "a program of torch.export (.pt2)",
            "save its tensors alone: "
            f"torch.save(dict(torch.export.load({str(path)!r}).state_dict), 'weights.pth')",
        )
    if "data.pkl" in last:
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive (.npz)", "give the PyTorch checkpoint"
    content = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"a zip archive ({content or 'empty'})", _UNPACK
