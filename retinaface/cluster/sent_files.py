"""Send the files of an engine to workers by their content, and write them there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from retinaface.engines.spec import EngineSpec
from retinaface.errors import ClusterError
from retinaface.export.external_data import weight_files
from retinaface.export.manifest import sidecars

_ONNX = ".onnx"
# Second files of formats that come in two: OpenVINO's .xml, ncnn's .param.
_TWIN = ".bin"


@dataclass(frozen=True)
class SentFile:
    """A file of one field of a specification.

    Attributes:
        field: Of `EngineSpec`.
        name: Path relative to the folder of the field's file.
    """

    field: str
    name: str
    content: bytes
    sha256: str


def pack(spec: EngineSpec) -> tuple[SentFile, ...]:
    """Read the files that a specification names, and those that belong to them."""
    return tuple(
        SentFile(field, str(file.relative_to(path.parent)), content, _sha256(content))
        for field, path in _paths(spec).items()
        for file in _files(path)
        for content in [file.read_bytes()]
    )


def unpack(spec: EngineSpec, files: tuple[SentFile, ...], folder: Path) -> EngineSpec:
    """Write the files below a folder, and name them in the specification in place of the client's.

    Raises:
        ClusterError: A file did not arrive as it was sent.
        OSError: A file cannot be written.
    """
    for file in files:
        if _sha256(file.content) != file.sha256:
            raise ClusterError(f"{file.name} did not arrive as it was sent; run again")
        path = folder / file.field / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    sent = {file.field for file in files}
    changed: dict[str, Any] = {
        field: folder / field / path.name for field, path in _paths(spec).items() if field in sent
    }
    return replace(spec, **changed)


def as_named_by_client(facts: Any, spec: EngineSpec, folder: Path) -> Any:
    """Put the client's paths into an engine's facts, JSON types, in place of the worker's."""
    if isinstance(facts, str):
        for field, path in _paths(spec).items():
            facts = facts.replace(str(folder / field / path.name), str(path))
        return facts
    if isinstance(facts, Mapping):
        return {key: as_named_by_client(value, spec, folder) for key, value in facts.items()}
    if isinstance(facts, (list, tuple)):
        return [as_named_by_client(value, spec, folder) for value in facts]
    return facts


def _paths(spec: EngineSpec) -> dict[str, Path]:
    """Give the paths that a specification names by their fields; not the weights of an export."""
    found = {f.name: getattr(spec, f.name) for f in fields(spec)}
    if spec.model is not None or spec.engine_file is not None or spec.weights == "embedded":
        found["weights"] = None
    elif isinstance(spec.weights, str):
        found["weights"] = Path(spec.weights)
    return {name: value for name, value in found.items() if isinstance(value, Path)}


def _files(path: Path) -> list[Path]:
    """List a file with what belongs to it, or all files of a folder; empty where there is none."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    beside = [sidecars(path)[1], path.with_suffix(_TWIN)]
    if path.suffix == _ONNX and path.is_file():
        beside += weight_files(path)
    return [file for file in dict.fromkeys([path, *beside]) if file.is_file()]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
