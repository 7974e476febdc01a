"""Tell whether a run that goes on is the run that was begun."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from retinaface.engines.importing import outside_code
from retinaface.export.external_data import model_sha256
from retinaface.storage.hashing import file_sha256, modules_sha256
from retinaface.storage.location import Location
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
    files = {str(path): model_sha256(path) for path in target.models}
    files |= {str(path): file_sha256(path) for path in target.engine_files}
    return {
        "the tests": list(tests),
        "the options": record["target"],
        "the budget": vars(target.budget),
        "the baseline": str(target.baseline),
        "the soak": target.soak_s,
        "the engines": {name: outside_code(name) for name in target.engines},
        "the files": files,
        "the images": _files_at(target.data.root),
        "the ground truth": _files_at(target.data.ground_truth),
        "the environment": record["environment"],
        "retinaface": [record["retinaface"], modules_sha256(_PACKAGE, suites)],
    }


def _files_at(place: Location | None) -> list[str]:
    """Name a place, and hash size and time of each file there, where that is on this machine."""
    if not isinstance(place, Path):
        return [str(place)]
    digest = hashlib.sha256()
    for path in (place, *sorted(place.rglob("*"))):
        if not path.is_dir():
            stat = path.lstat()
            digest.update(f"{path}\n{stat.st_size} {stat.st_mtime_ns}\n".encode(errors="replace"))
    return [str(place), digest.hexdigest()]
