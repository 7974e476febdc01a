"""Send the modules of a worker, and the files of an engine, to a machine that has neither."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from retinaface.engines.spec import EngineSpec
from retinaface.errors import EngineUnavailable
from retinaface.export.external_data import weight_files
from retinaface.storage.hashing import file_sha256
from retinaface.typing import FloatArray

_PACKAGE = Path(__file__).resolve().parents[2]
# The wings that engines may import: their own, and those below it.
_WINGS = (
    *("engines", "export", "reference", "network", "embedded", "formats", "storage", "telling"),
    "children",
)

# Stores a file there: name, SHA-256, content; gives its path there.
StoreFile = Callable[[str, str, FloatArray], str]


@functools.cache
def package_zip() -> bytes:
    """Pack the modules that a worker may import, in a zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in _modules():
            file.write(path, path.relative_to(_PACKAGE.parent))
    return packed.getvalue()


def _modules() -> Iterator[Path]:
    yield from sorted(_PACKAGE.glob("*.py"))
    for wing in _WINGS:
        yield from sorted((_PACKAGE / wing).rglob("*.py"))


def send_files(spec: EngineSpec, store: StoreFile) -> EngineSpec:
    """Send the files of an engine, and name them by their places there.

    Args:
        spec: Of files here: the model with its weights, a prebuilt engine with the note beside it,
            or the checkpoint where there is neither.
        store: Keeps one file there.

    Raises:
        EngineUnavailable: A file is a folder, which is not sent.
    """
    if spec.engine_file is not None:
        note = spec.engine_file.with_name(f"{spec.engine_file.name}.json")
        sent = _send(spec.engine_file, [note] if note.is_file() else [], store)
        return replace(spec, engine_file=sent)
    if spec.model is not None:
        is_file = spec.model.is_file()
        return replace(
            spec, model=_send(spec.model, weight_files(spec.model) if is_file else [], store)
        )
    if spec.weights is not None and Path(spec.weights).is_file():
        return replace(spec, weights=str(_send(Path(spec.weights), [], store)))
    return spec


def _send(path: Path, beside: list[Path], store: StoreFile) -> Path:
    """Send a file and what belongs beside it; the folder's name there is the hash of the file."""
    if not path.is_file():
        raise EngineUnavailable(
            f"cannot send {path} to another machine: it is a folder; give a model in one file"
        )
    folder = file_sha256(path)[:16]
    for other in beside:
        _store(other, f"{folder}/{other.relative_to(path.parent).as_posix()}", store)
    return Path(_store(path, f"{folder}/{path.name}", store))


def _store(path: Path, name: str, store: StoreFile) -> str:
    content: FloatArray = np.frombuffer(path.read_bytes(), np.uint8)
    return store(name, file_sha256(path), content)
