"""The manifest beside a named engine file: what it was built from, by what, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from retinaface.errors import EngineUnavailable, ManifestError
from retinaface.files import new_file
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.formats.types import typed
from retinaface.storage.hashing import file_sha256

_KIND = "engine-file"
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class BuildManifest(Struct, kw_only=True, frozen=True, tag_field="kind", tag=_KIND):
    """What an engine file is.

    Attributes:
        file: Its name.
        sha256: Of its content.
        engine: Name of the engine that built it.
        precision: That it computes in.
        batch: Images of every call; None where it takes any number.
        size_px: Height and width of the input.
        options: Of the engine.
        runtime: Name and version of what built it.
        source: Name of the ONNX file that it was built from.
        source_sha256: Of that file and its files of weights.
        versions: Of the packages that were there.
        build_s: Seconds from source to engine.
        created: When, in UTC.
    """

    file: str
    sha256: Sha256
    engine: str
    precision: Literal["fp32", "fp16", "int8"]
    batch: int | None
    size_px: tuple[int, int]
    options: dict[str, str]
    runtime: str
    source: str
    source_sha256: Sha256
    versions: dict[str, str]
    build_s: float
    created: str
    manifest_version: Literal[1] = 1


def manifest_of(file: Path) -> Path:
    """Name the manifest beside an engine file: `X.so.json` beside `X.so`."""
    return file.with_name(f"{file.name}.json")


def write_build_manifest(file: Path, manifest: BuildManifest) -> None:
    """Write the manifest beside an engine file."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    with new_file(manifest_of(file)) as temporary:
        temporary.write_bytes(content)


def read_build_manifest(file: Path) -> BuildManifest | None:
    """Read the manifest beside an engine file; None where there is none of `retinaface build`.

    Raises:
        ManifestError: It is damaged.
    """
    path = manifest_of(file)
    try:
        data = read_json(path, ManifestError)
        if not isinstance(data, dict) or data.get("kind") != _KIND:
            return None
        return typed(data, BuildManifest)
    except FileNotFoundError:
        return None
    except (OSError, FormatError) as error:
        raise ManifestError(
            f"cannot read the manifest {path}: {error}; build the file again with: retinaface "
            "build, or move the manifest away from it"
        ) from error


def check_build(name: str, precision: str, file: Path) -> None:
    """Compare an engine file with its manifest, where one stands beside it.

    Args:
        name: Of the engine that is to run the file.
        precision: Of that engine.

    Raises:
        EngineUnavailable: The file has changed since, or was built for another precision.
        ManifestError: The manifest is damaged.
    """
    manifest = read_build_manifest(file)
    if manifest is None:
        return
    if (found := file_sha256(file)) != manifest.sha256:
        raise EngineUnavailable(
            f"{name}: {file} is not the file of its manifest {manifest_of(file).name}: expected "
            f"sha256 {manifest.sha256[:16]}, got {found[:16]}; build it again with: retinaface "
            "build, or move the manifest away from it"
        )
    if manifest.precision != precision:
        raise EngineUnavailable(
            f"{name} computes in {precision.upper()}, but {file} was built in "
            f"{manifest.precision.upper()} for {manifest.engine}; name that engine"
        )
