"""Find run records, and rows that could not run: each path is a record or a folder of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from retinaface.errors import RecordError
from retinaface.records.read import Run, read_run
from retinaface.records.write import RECORD_FILE

UNAVAILABLE_FILE = "unavailable.json"


@dataclass(frozen=True)
class Unavailable:
    """A row of a matrix that could not run at all; it is shown, not left out.

    Attributes:
        package: It could not be installed.
        python: Version of the interpreter.
    """

    name: str
    package: str
    version: str
    python: str
    reason: str


def read_unavailable(folder: Path) -> Unavailable:
    """Read the note of a row that could not run.

    Raises:
        RecordError: It is damaged.
    """
    path = folder / UNAVAILABLE_FILE
    fields = ("name", "package", "version", "python", "reason")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Unavailable(*(str(data[field]) for field in fields))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RecordError(f"cannot read {path}: {error}; run the row again") from error


def find_runs(paths: Iterable[Path]) -> tuple[list[Run], list[Unavailable]]:
    """Read records, and all records in folders that hold records.

    A run is named after its folder; names that would be equal carry their parent's name too.

    Raises:
        RecordError: A path holds none, or one cannot be read.
    """
    folders: list[Path] = []
    for path in paths:
        inside = [path] if _is_row(path) else []
        if not inside and path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if _is_row(entry))
        if not inside:
            raise RecordError(
                f"{path} holds no run record; give folders that --record named, or one that holds "
                "such folders"
            )
        folders += inside
    names = [folder.resolve().name for folder in folders]
    runs, unavailable = [], []
    for folder, name in zip(folders, names, strict=True):
        if (folder / RECORD_FILE).is_file():
            long = f"{folder.resolve().parent.name}/{name}"
            runs.append(read_run(folder, long if names.count(name) > 1 else name))
        else:
            unavailable.append(read_unavailable(folder))
    return runs, unavailable


def _is_row(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RECORD_FILE, UNAVAILABLE_FILE))
