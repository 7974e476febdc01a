"""An index of the records in a folder: a cache in SQLite, and never the truth.

It lies in the cache, since a folder of records may be read-only or shared. A row follows the place,
time, size and inode of its `record.json`; records that cannot be read are tried again each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from retinaface.assets import cache_dir
from retinaface.environment import slug
from retinaface.errors import RecordError
from retinaface.formats.faults import FormatError
from retinaface.history.packing import name_of, packed, text_of, unpacked
from retinaface.history.rows import RunRow, row_of
from retinaface.records.find import UNAVAILABLE_FILE
from retinaface.records.read import read_run
from retinaface.records.write import RECORD_FILE

# Counts up when rows get other content: other releases keep files of their own.
INDEX_VERSION = 2
_TABLE = (
    "CREATE TABLE IF NOT EXISTS runs (name BLOB PRIMARY KEY, mtime_ns INTEGER NOT NULL, "
    "size INTEGER NOT NULL, inode INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID"
)
# Rows are kept as they come, so that a long first reading is not lost when it is interrupted.
_BATCH = 100
# What SQLite raises over a damaged file: it also puts damaged bytes into its messages.
_DAMAGE = (sqlite3.Error, msgspec.MsgspecError, FormatError, UnicodeDecodeError)
# How long another process may write before the records are read without the index.
_PATIENCE_S = 10.0
_IN_MEMORY = ":memory:"

# Time of change, size and inode of a file.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class History:
    """The runs in a folder.

    Attributes:
        rows: In the order of time.
        damaged: Why a record cannot be read, by the name of its folder.
        n_unavailable: Notes of rows of a matrix that could not run.
        index: Where the rows are kept; None where they cannot be.
        n_read: Records that were read for it; the others were known.
        note: Why they cannot be kept; empty where they are.
        url: Where the folder was copied from; empty where it is the user's own.
    """

    folder: Path
    rows: Sequence[RunRow]
    damaged: dict[str, str]
    n_unavailable: int
    index: Path | None
    n_read: int
    note: str = ""
    url: str = ""

    @property
    def place(self) -> str:
        """Give the folder as the user named it."""
        return self.url or str(self.folder)


def index_path(folder: Path) -> Path:
    """Name the index of a folder, wherever it is seen from."""
    place = folder.resolve()
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return cache_dir() / "history" / f"{slug(place.name)}-{digest}-v{INDEX_VERSION}.sqlite"


def read_history(folder: Path, *, progress: bool = False, keeps: bool = True) -> History:
    """List the runs in a folder; read only records that are new or changed.

    Args:
        folder: Of folders of records.
        progress: Show a progress bar on stderr, where that is a terminal.
        keeps: Keep the index; not of a folder that is soon gone.

    Raises:
        RecordError: It holds no record.
    """
    stamps, n_unavailable = _stamps(folder)
    path = index_path(folder)
    note = ""
    for place in (path, path, None) if keeps else (None,):
        try:
            rows, damaged, n_read = _listed(place, folder, stamps, progress=progress)
            return History(
                folder,
                by_time(rows),
                damaged,
                n_unavailable,
                place,
                n_read,
                note if place is None else "",
            )
        except (*_DAMAGE, OSError) as error:
            if place is None:
                raise
            note = f"no index can be kept in {path} ({error}): every record was read"
            if "locked" not in str(error):
                _discard(path)
    raise AssertionError("unreachable: the last turn returns or raises")


def by_time(rows: Iterable[RunRow]) -> list[RunRow]:
    """Sort runs by the time when they were made."""
    return sorted(rows, key=lambda row: (row.created, row.name))


def _stamps(folder: Path) -> tuple[dict[str, Stamp], int]:
    """Look at each record without opening it; count the notes of rows that could not run."""
    stamps: dict[str, Stamp] = {}
    n_unavailable = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found = os.stat(f"{entry.path}/{RECORD_FILE}")  # noqa: PTH116 - Path takes as long as the call
                except (FileNotFoundError, NotADirectoryError):
                    n_unavailable += Path(entry.path, UNAVAILABLE_FILE).is_file()
                    continue
                stamps[entry.name] = (found.st_mtime_ns, found.st_size, found.st_ino)
    except OSError as error:
        raise RecordError(
            f"cannot list the records in {folder}: {error.strerror}; give a folder that holds the "
            "folders that --record named"
        ) from error
    if not stamps:
        raise RecordError(
            f"{folder} holds no run record; give a folder that holds the folders that --record "
            "named"
        )
    return stamps, n_unavailable


def _listed(
    path: Path | None, folder: Path, stamps: dict[str, Stamp], *, progress: bool
) -> tuple[list[RunRow], dict[str, str], int]:
    """Bring the index up to date and read it: rows, damaged records, number of records read."""
    with _open(path) as database:
        known = {
            name_of(name): (mtime_ns, size, inode)
            for name, mtime_ns, size, inode in database.execute(
                "SELECT name, mtime_ns, size, inode FROM runs"
            )
        }
        if gone := [(os.fsencode(name),) for name in known.keys() - stamps.keys()]:
            with database:
                database.executemany("DELETE FROM runs WHERE name = ?", gone)
        stale = sorted(name for name, stamp in stamps.items() if known.get(name) != stamp)
        damaged: dict[str, str] = {}
        for names in _batches(stale, progress=progress):
            with database:
                database.executemany(
                    "DELETE FROM runs WHERE name = ?", [(os.fsencode(n),) for n in names]
                )
                database.executemany(
                    "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                    _encoded(folder, names, stamps, damaged),
                )
        rows = [
            unpacked(row)
            for name, row in database.execute("SELECT name, row FROM runs")
            if (found := name_of(name)) in stamps and found not in damaged
        ]
        return rows, damaged, len(stale)


@contextlib.contextmanager
def _open(path: Path | None) -> Iterator[sqlite3.Connection]:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path or _IN_MEMORY, timeout=_PATIENCE_S)
    with contextlib.closing(database):
        database.execute(_TABLE)
        yield database


def _encoded(
    folder: Path, names: Iterable[str], stamps: dict[str, Stamp], damaged: dict[str, str]
) -> list[tuple[bytes, int, int, int, bytes]]:
    """Read records; note those that are damaged, which have no row."""
    rows = []
    for name in names:
        try:
            row = row_of(read_run(folder / name, text_of(name)))
        except RecordError as error:
            damaged[name] = str(error)
        else:
            rows.append((os.fsencode(name), *stamps[name], packed(row)))
    return rows


def _batches(names: Sequence[str], *, progress: bool) -> Iterator[Sequence[str]]:
    from tqdm import tqdm

    is_hidden = None if progress and len(names) > _BATCH else True
    with tqdm(total=len(names), desc="records", unit="run", disable=is_hidden) as bar:
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            yield batch
            bar.update(len(batch))


def _discard(path: Path) -> None:
    """Remove a damaged index with what SQLite left beside it."""
    for file in (path, path.with_name(f"{path.name}-journal")):
        with contextlib.suppress(OSError):
            file.unlink()
