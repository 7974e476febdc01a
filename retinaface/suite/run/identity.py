"""Tell whether a run that goes on is the run that was begun."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from retinaface.engines.importing import outside_code
from retinaface.storage.hashing import file_sha256, modules_sha256
from retinaface.suite.target import Target

_PACKAGE = Path(__file__).resolve().parents[2]


def identity_of(
    record: Mapping[str, Any], target: Target, tests: Iterable[str], suites: Path
) -> dict[str, Any]:
    """Collect what a test's outcome depends on; JSON types.

    Args:
        record: What a record begins with.
        target: Of the run.
        tests: Ids of all tests of the run.
        suites: Folder of the tests.

    Returns:
        By the words that name it in a message.
    """
    files = [*target.models, *target.engine_files]
    return {
        "the tests": list(tests),
        "the options": record["target"],
        "the budget": vars(target.budget),
        "the baseline": str(target.baseline),
        "the soak": target.soak_s,
        "the engines": {name: outside_code(name) for name in target.engines},
        "the files": {str(path): file_sha256(path) for path in files},
        "the images": _images(target),
        "the environment": record["environment"],
        "retinaface": [record["retinaface"], modules_sha256(_PACKAGE, suites)],
    }


def _images(target: Target) -> dict[str, Any]:
    """Name the images; of those on this machine also size and time."""
    root = target.data.root
    found: dict[str, Any] = {"root": str(root), "ground truth": str(target.data.ground_truth)}
    if isinstance(root, Path):
        digest = hashlib.sha256()
        for path in sorted(root.rglob("*")):
            stat = path.lstat()
            digest.update(f"{path}\n{stat.st_size} {stat.st_mtime_ns}\n".encode(errors="replace"))
        found["files"] = digest.hexdigest()
    return found
