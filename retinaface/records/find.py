"""Find run records, and rows that could not run: each place is a record or a folder of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from retinaface.errors import RecordError
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.records.read import Run, read_run
from retinaface.records.write import RECORD_FILE
from retinaface.storage.location import Location
from retinaface.storage.reading import local_copy, naming

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
        data = read_json(path, RecordError)
    except (OSError, FormatError) as error:
        raise RecordError(f"cannot read {path}: {error}; run the row again") from error
    if not isinstance(data, dict) or not all(isinstance(data.get(name), str) for name in fields):
        raise RecordError(
            f"cannot read {path}: expected an object with the texts {', '.join(fields)}; run the "
            "row again"
        )
    return Unavailable(*(data[name] for name in fields))


def find_runs(places: Iterable[Location]) -> tuple[list[Run], list[Unavailable]]:
    """Read records, and all records in folders that hold records; those of URLs are copied.

    A run is named after its folder; names that would be equal carry their parent's name too.

    Raises:
        RecordError: A place holds none, or one cannot be read.
        StorageError: A URL cannot be read.
    """
    copies = [(place, local_copy(place)) for place in places]
    folders = [(place, path, folder) for place, path in copies for folder in _rows(place, path)]
    names = [folder.resolve().name for *_, folder in folders]
    runs, unavailable = [], []
    for (place, path, folder), name in zip(folders, names, strict=True):
        with naming(place, path):
            if (folder / RECORD_FILE).is_file():
                long = f"{folder.resolve().parent.name}/{name}"
                run = read_run(folder, long if names.count(name) > 1 else name)
                url = "" if place is path else str(folder).replace(str(path), str(place))
                runs.append(replace(run, url=url))
            else:
                unavailable.append(read_unavailable(folder))
    return runs, unavailable


def _rows(place: Location, path: Path) -> list[Path]:
    """List the folders of records in a copy: itself, or what is inside."""
    if _is_row(path):
        return [path]
    inside = sorted(filter(_is_row, path.iterdir())) if path.is_dir() else []
    if not inside:
        raise RecordError(
            f"{place} holds no run record; give folders that --record named, or one that holds "
            "such folders"
        )
    return inside


def _is_row(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RECORD_FILE, UNAVAILABLE_FILE))
