"""Run records: `record.json` and `detections.npz` in one folder."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import retinaface
from retinaface.detections import Detections
from retinaface.environment import command_output, describe_environment
from retinaface.files import new_file
from retinaface.typing import FloatArray, IntArray

SCHEMA_VERSION = 1
RECORD_FILE = "record.json"
DETECTIONS_FILE = "detections.npz"


def new_record() -> dict[str, Any]:
    """What every record starts with: version, command, time, commit, environment."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "retinaface": retinaface.__version__,
        "commit": checkout_commit(),
        "environment": describe_environment(),
    }


def write_record(
    folder: Path,
    record: Mapping[str, Any],
    detections: Mapping[str, Mapping[str, Detections]],
) -> None:
    """Write a record.

    Args:
        folder: Existing; see `files.new_dir`.
        record: JSON types.
        detections: By result id, then by image id.

    Raises:
        ValueError: The record holds a NaN.
    """
    arrays: dict[str, Any] = {}
    for result_id, by_image in detections.items():
        for name, array in pack_detections(by_image).items():
            arrays[f"{result_id}/{name}"] = array
    text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    with new_file(folder / DETECTIONS_FILE) as file, file.open("wb") as sink:
        np.savez_compressed(sink, **arrays)
    with new_file(folder / RECORD_FILE) as file:
        file.write_text(text, encoding="utf-8")


def pack_detections(by_image: Mapping[str, Detections]) -> dict[str, FloatArray | IntArray | Any]:
    """Join detections into flat arrays.

    Returns:
        `images` (I,) str; `offsets` (I + 1,) int64, where each image's rows begin and end; `boxes`
        (D, 4), `scores` (D,), `landmarks` (D, 5, 2), float32, pixels of the original images.
    """
    found = list(by_image.values())
    return {
        "images": np.array(list(by_image)),
        "offsets": np.cumsum([0, *(len(d.scores) for d in found)], dtype=np.int64),
        "boxes": np.concatenate([d.boxes_xyxy for d in found]),
        "scores": np.concatenate([d.scores for d in found]),
        "landmarks": np.concatenate([d.landmarks_xy for d in found]),
    }


def images_sha256(images: tuple[str, ...]) -> str:
    """SHA-256 of a set of image ids: two results over the same images have the same."""
    return hashlib.sha256("\n".join(sorted(images)).encode()).hexdigest()


def checkout_commit() -> str | None:
    """Commit of the checkout that the package runs from, `+dirty` if changed; else None."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    commit = command_output("git", "-C", str(root), "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = command_output("git", "-C", str(root), "status", "--porcelain")
    return f"{commit}+dirty" if changes else commit
