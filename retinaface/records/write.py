"""Write a run record: `record.json`, and the arrays and models beside it, in one folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from retinaface.detection.detections import Detections, pack_detections
from retinaface.environment import command_output, describe_environment
from retinaface.errors import ManifestError
from retinaface.export.external_data import weight_files
from retinaface.export.manifest import read_manifest
from retinaface.files import new_file
from retinaface.records.migrate import ABSENT, SCHEMA_VERSION
from retinaface.records.result_id import array_prefix
from retinaface.records.schema import ModelFile, Record
from retinaface.records.traced_images import ImageStages, pack_stages
from retinaface.records.warnings import all_warnings
from retinaface.storage.hashing import file_sha256
from retinaface.storage.location import without_secrets
from retinaface.version import __version__
from retinaface.widerface.average_precision import Counts

RECORD_FILE = "record.json"
DETECTIONS_FILE = "detections.npz"
COUNTS_FILE = "counts.npz"
STAGES_FILE = "stages.npz"
MODELS_DIR = "models"
# RetinaFace takes 2 MB; a file that takes far more, as an engine's cache may, is named, not copied.
MAX_MODEL_BYTES = 64 * 2**20


def new_record() -> dict[str, Any]:
    """Make what every record starts with: version, command, time, commit, environment."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": without_secrets(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "retinaface": __version__,
        "commit": checkout_commit(),
        "environment": describe_environment(),
        "executable": sys.executable or None,
    }


@dataclass(frozen=True)
class Kept:
    """The arrays and the model that a record keeps of one result beside its figures.

    Attributes:
        detections: By image id; None where they are not kept.
        counts: Of the scored images, in their order; None where nothing was scored.
        images: Ids of the scored images.
        image_sha256: Of the file of each scored image; empty text for an unreadable file.
        stages: A few images at every stage.
        model: The file that the engine ran; None for one that builds the network itself.
    """

    detections: Mapping[str, Detections] | None
    counts: Counts | None = None
    images: tuple[str, ...] = ()
    image_sha256: Mapping[str, str] = field(default_factory=dict)
    stages: Sequence[ImageStages] = ()
    model: Path | None = None


@dataclass(frozen=True)
class Packed:
    """What is kept of a result, in the form in which it is written.

    Attributes:
        arrays: By file, and by name in it.
        facts: Its traced images and its model; JSON types.
    """

    arrays: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]


def pack(folder: Path, result_id: str, kept: Kept) -> Packed:
    """Bring what is kept of a result into the form of files.

    Args:
        folder: Of the record; it gets the model.
    """
    arrays: dict[str, dict[str, Any]] = {}
    if kept.detections is not None:
        arrays[DETECTIONS_FILE] = _under(result_id, pack_detections(kept.detections))
    if kept.counts is not None:
        names = {"images": np.array(kept.images)}
        if kept.image_sha256:
            names["image_sha256"] = np.array([kept.image_sha256[name] for name in kept.images])
        arrays[COUNTS_FILE] = _under(result_id, {**asdict(kept.counts), **names})
    traced, stages = pack_stages(list(kept.stages))
    arrays[STAGES_FILE] = _under(result_id, stages)
    return Packed(arrays, {"traced": traced, "model": _keep_model(folder, kept.model)})


def write_record(
    folder: Path, record: Mapping[str, Any], kept: Mapping[str, Kept | Packed]
) -> None:
    """Write a record.

    Each result also gets the traced images and the model that are kept of it.

    Args:
        folder: Existing; see `files.new_dir`.
        record: JSON types; see `schema.Record`.
        kept: By result id.

    Raises:
        ValueError: The record lacks a field, or one is of another type.
    """
    files: dict[str, dict[str, Any]] = {f: {} for f in (DETECTIONS_FILE, COUNTS_FILE, STAGES_FILE)}
    facts: dict[str, Mapping[str, Any]] = {}
    for result_id, one in kept.items():
        packed = one if isinstance(one, Packed) else pack(folder, result_id, one)
        for name, arrays in packed.arrays.items():
            files[name] |= arrays
        facts[result_id] = packed.facts
    results = [{**result, **facts.get(result["id"], {})} for result in record.get("results", [])]
    warnings = all_warnings(record.get("warnings", ()), results)
    whole = {**record, "results": results, "warnings": warnings, "arrays": {}}
    record_text(whole)  # refuses what is wrong before anything is written
    for name, content in files.items():
        with new_file(folder / name) as file, file.open("wb") as sink:
            np.savez_compressed(sink, **content)
        whole["arrays"][name] = file_sha256(folder / name)
    with new_file(folder / RECORD_FILE) as file:
        file.write_text(record_text(whole), encoding="utf-8")


def record_text(record: Mapping[str, Any]) -> str:
    """Write a record as JSON, checked against its types.

    Args:
        record: JSON types, NaN and infinity included; what `migrate.ABSENT` holds may be left out.

    Raises:
        ValueError: The record lacks a field, or one is of another type.
    """
    typed = msgspec.convert(json_safe({**ABSENT, **record}), Record, strict=False)
    return json.dumps(json_safe(msgspec.to_builtins(typed)), indent=2, allow_nan=False) + "\n"


def json_safe(value: Any) -> Any:
    """Turn NaN and infinity, which JSON lacks, into words, and NumPy's floats into Python's."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return value


def _under(result_id: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {array_prefix(result_id) + name: array for name, array in arrays.items()}


def _keep_model(folder: Path, model: Path | None) -> dict[str, Any] | None:
    """Copy a model, once for each content, and the manifest beside it."""
    if model is None or not model.is_file():
        return None
    sha256 = file_sha256(model)
    manifest, problem = None, ""
    try:
        manifest = read_manifest(model)
    except ManifestError as error:  # what was measured is kept all the same
        problem = str(error)
    kept, weights = None, weight_files(model)
    if not weights and model.stat().st_size <= MAX_MODEL_BYTES:
        kept = f"{MODELS_DIR}/{sha256[:16]}{model.suffix}"
        target = folder / kept
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            with new_file(target) as file:
                shutil.copyfile(model, file)
    described = ModelFile(
        file=model.name,
        sha256=sha256,
        kept=kept,
        manifest=manifest,
        manifest_problem=problem,
        weights={file.name: file_sha256(file) for file in weights},
    )
    return dict(msgspec.to_builtins(described))


def images_sha256(by_image: Mapping[str, str]) -> str:
    """Hash a set of images, contents included: two results over the same have the same SHA-256.

    Args:
        by_image: SHA-256 of each file by image id; empty for one that could not be read.
    """
    lines = sorted(f"{sha256}  {image}\n" for image, sha256 in by_image.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def checkout_commit() -> str | None:
    """Find the commit of the checkout that the package runs from, `+dirty` if changed, or None."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    commit = command_output("git", "-C", str(root), "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = command_output("git", "-C", str(root), "status", "--porcelain")
    return f"{commit}+dirty" if changes else commit


def write_crash(folder: Path, problem: str, running: str | None) -> None:
    """Note in a record which test was running, and what happened to it.

    Args:
        folder: Of the record; nothing is written where it holds none that can be read.
        problem: What happened, in a line.
        running: Id of the test; None between tests.
    """
    path = folder / RECORD_FILE
    record = None
    with contextlib.suppress(OSError, ValueError, RecursionError):  # which deep nesting raises
        record = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(record, dict):
        record |= {"state": "crashed", "running": running, "verdict": "FAIL", "crash": problem}
        tests = record.get("tests")
        for test in tests if isinstance(tests, list) else []:
            if isinstance(test, dict) and test.get("id") == running:
                test |= {"verdict": "FAIL", "reason": problem}
        with new_file(path) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
