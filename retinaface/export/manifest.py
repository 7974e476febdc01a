"""The manifest beside an exported file: its types, its JSON schema, how it is written and read.

Imports neither torch nor onnx: whoever judges an engine reads it without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from retinaface.errors import ExportError, ManifestError
from retinaface.export.external_data import model_sha256
from retinaface.export.options import Axis, ExportOptions
from retinaface.files import refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.formats.types import typed
from retinaface.storage.hashing import file_sha256

# 1: every manifest so far, those without a version too. What was added since is marked below.
MANIFEST_VERSION: Final = 1
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
# One of these sets in a JSON object beside a model: it is a manifest, and no file of a vendor's.
_MARKS = ({"manifest_version"}, {"sha256", "reference_sha256"})
_NEXT_STEP = "restore it, export again with: retinaface export, or move it away from the model"


class WeightsSource(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The checkpoint that was exported.

    Attributes:
        source: Name of its file.
        sha256: Of its content.
        notes: What was removed, left out or converted to read it.
    """

    source: str
    sha256: Sha256
    notes: tuple[str, ...] = ()


def weights_source(path: str, sha256: str, notes: tuple[str, ...] = ()) -> WeightsSource:
    """Describe a checkpoint by the name of its file."""
    return WeightsSource(source=Path(path).name, sha256=sha256, notes=notes)


class GraphFacts(Struct, kw_only=True, frozen=True):
    """What tells one graph from another.

    Attributes:
        operators: Nodes of each operator.
        sha256: Of nodes and weights, names left out.
    """

    operators: dict[str, int]
    sha256: Sha256


class Steps(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The graph after each step; None for a step that was left out."""

    exported: GraphFacts | None = None
    simplified: GraphFacts | None = None


class Calibration(Struct, kw_only=True, frozen=True):
    """The images that calibrated an INT8 file: hashes alone, so that none can be named.

    Attributes:
        n_images: Their number.
        sha256: Of the file of each, sorted.
    """

    n_images: int
    sha256: tuple[Sha256, ...]

    @classmethod
    def of(cls, hashes: Sequence[str]) -> Calibration:
        """Keep the hashes without their order, which may tell of names."""
        return cls(n_images=len(hashes), sha256=tuple(sorted(hashes)))


class Manifest(Struct, kw_only=True, frozen=True):
    """What a file is, what it was made from, and how.

    Attributes:
        manifest_version: Of this format.
        file: Name of the exported file.
        sha256: Of its content.
        reference: Name of the file with reference outputs.
        reference_sha256: Of its content.
        weights: What was exported.
        options: What was asked for; `opset` is the one that the file holds.
        ir_version: Version of the file format.
        axes: Of the input and of each output; a number is fixed, a name is free.
        operators: Nodes of each operator in the file.
        versions: Of the packages that made it.
        notes: What the exporter warned of.
        layers: Tensor of each convolution; empty before 2026-11-25.
        steps: What each step gave; empty before 2026-11-24.
        calibration: Of an INT8 file; None for any other.
    """

    file: str
    sha256: Sha256
    reference: str
    reference_sha256: Sha256
    weights: WeightsSource
    options: ExportOptions
    ir_version: int
    axes: dict[str, tuple[Axis, ...]]
    operators: dict[str, int]
    versions: dict[str, str]
    notes: list[str]
    layers: dict[str, str] = {}
    steps: Steps = Steps()
    calibration: Calibration | None = None
    manifest_version: Literal[1] = MANIFEST_VERSION


def json_schema() -> dict[str, Any]:
    """Make the JSON schema of `FILE.json`."""
    return msgspec.json.schema(Manifest)


def sidecars(model: Path) -> tuple[Path, Path]:
    """Name the reference and the manifest beside an exported file."""
    return model.with_suffix(".reference.npz"), model.with_suffix(".json")


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest as JSON that a person can read."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read_manifest(model: Path) -> Manifest | None:
    """Read the manifest beside a file, and compare the file with it: there is no other reader.

    Returns:
        None where there is none: no such file, one of a vendor's, or that of a file of another
        format, as beside an engine that was built from an export.

    Raises:
        ManifestError: The file, with its files of weights, is not the one that was exported; or the
            manifest is damaged, or of a version that this release does not read.
    """
    path = sidecars(model)[1]
    if not (path.is_file() and model.is_file()):
        return None
    try:
        data = read_json(path, ManifestError)
    except (OSError, FormatError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(data, dict) or not any(marks <= data.keys() for marks in _MARKS):
        return None
    version = data.get("manifest_version", MANIFEST_VERSION)
    if version != MANIFEST_VERSION:
        raise _unreadable(path, f"it has version {version!r}, this release reads 1")
    try:
        manifest = typed(data, Manifest)
    except (FormatError, ExportError) as error:
        raise _unreadable(path, str(error)) from error
    if (found := model_sha256(model)) == manifest.sha256:
        return manifest
    if Path(manifest.file).suffix != model.suffix:
        return None
    raise ManifestError(
        f"{model} is not the file of its manifest {path.name}: expected sha256 "
        f"{manifest.sha256[:16]}, got {found[:16]}; export it again with: retinaface export, or "
        "move the manifest away from it"
    )


def check_reference(model: Path, reference: Path) -> bool:
    """Compare a file of reference outputs with the manifest of a model that it stands beside.

    Returns:
        Whether the manifest holds its hash; False where there is no manifest, or where it names
        another reference.

    Raises:
        ManifestError: The reference is not the one that was written with the model; or as
            `read_manifest` says.
    """
    manifest = read_manifest(model)
    if manifest is None or reference.parent != model.parent:
        return False
    if reference.name != manifest.reference and reference != sidecars(model)[0]:
        return False
    refuse_pointer(reference, ManifestError)
    if (found := file_sha256(reference)) != manifest.reference_sha256:
        raise ManifestError(
            f"{reference} is not the reference of the manifest {sidecars(model)[1].name}: expected "
            f"sha256 {manifest.reference_sha256[:16]}, got {found[:16]}; export again with: "
            "retinaface export, or move the reference away from the model"
        )
    return True


def _unreadable(path: Path, why: str) -> ManifestError:
    return ManifestError(f"cannot read the manifest {path}: {why}; {_NEXT_STEP}")
