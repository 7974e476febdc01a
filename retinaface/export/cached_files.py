"""Tell whether a file in the cache is the one that was written there: its hash stands beside it."""

from __future__ import annotations

from pathlib import Path

from retinaface.files import new_file
from retinaface.storage.hashing import file_sha256

DAMAGED = "again: the one in the cache is not what was written there"
_NOTE = ".sha256"
UNKNOWN = "again: of the one in the cache no hash was kept"


def note_of(path: Path) -> Path:
    """Name the note with the hash of a file in the cache: `X.plan.sha256` beside `X.plan`."""
    return path.with_name(f"{path.name}{_NOTE}")


def remember(path: Path) -> None:
    """Write the hash of a file beside it, once the file is whole."""
    sha256 = file_sha256(path)
    with new_file(note_of(path)) as note:
        note.write_text(f"{sha256}\n", encoding="ascii")


def is_as_written(path: Path) -> bool:
    """Compare a file with the hash beside it; False where either is missing."""
    note = note_of(path)
    if not (path.is_file() and note.is_file()):
        return False
    return note.read_bytes().strip() == file_sha256(path).encode()


def why_again(path: Path) -> str:
    """Say why a file is made again that is in the cache; empty where it is not there."""
    if not path.exists():
        return ""
    return f" ({DAMAGED if note_of(path).is_file() else UNKNOWN})"


def remember_new(folder: Path) -> None:
    """Write the hashes of the files that another program has put into a folder of the cache."""
    for path in _files(folder):
        if not note_of(path).is_file():
            remember(path)


def remove_damaged(folder: Path) -> list[str]:
    """Remove the files of a folder that are not what was written there, or of which none can tell.

    Returns:
        Their names.
    """
    damaged = [path for path in _files(folder) if not is_as_written(path)]
    for path in damaged:
        path.unlink()
        note_of(path).unlink(missing_ok=True)
    return [path.name for path in damaged]


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.is_file() and path.suffix != _NOTE)
    return sorted(found)
