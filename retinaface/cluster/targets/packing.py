"""Pack the folder of a record into bytes on a worker, and unpack it at home."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

from retinaface.errors import RecordError
from retinaface.files import new_dir
from retinaface.formats.zip_directory import ZIP_DAMAGE

# What travels as one message; a record of all of WIDER FACE with a model has some tens of MB.
MAX_BYTES = 512 * 2**20

# Those of the system are of the folder here; the others are what a damaged directory gives.
_DAMAGE = (*ZIP_DAMAGE, IndexError, struct.error, ValueError)
# A record has some tens of files.
_MOST_FILES = 10_000
_LONGEST_NAME = 255  # bytes, of every common file system


def pack(folder: Path) -> bytes:
    """Pack the files of a folder.

    Raises:
        RecordError: They are larger than `MAX_BYTES`.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    _check_size(sum(path.stat().st_size for path in files), f"the record in {folder}")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder).as_posix())
    return content.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Unpack a record into a new folder, which appears whole or not at all.

    Raises:
        RecordError: It is damaged, too large, or would write outside the folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_size(sum(entry.file_size for entry in entries), f"the record for {folder}")
            if len(entries) > _MOST_FILES:
                raise RecordError(
                    f"the record for {folder} has {len(entries)} files, expected at most "
                    f"{_MOST_FILES}; nothing was written: look at the worker that sent it"
                )
            for entry in entries:
                parts = Path(entry.filename).parts
                too_long = any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts)
                if entry.filename.startswith("/") or ".." in parts or not parts or too_long:
                    raise RecordError(
                        f"the record for {folder} names {entry.filename!r:.80}, outside of it; "
                        "nothing was written: look at the worker that sent it"
                    )
            with new_dir(folder) as new:
                archive.extractall(new)
    except RecordError:
        raise
    except _DAMAGE as error:
        raise RecordError(
            f"the record for {folder} came home damaged: {error}; run its target again"
        ) from error


def _check_size(n_bytes: int, what: str) -> None:
    if n_bytes > MAX_BYTES:
        raise RecordError(
            f"{what} has {n_bytes / 2**20:.0f} MiB, and at most {MAX_BYTES / 2**20:.0f} MiB come "
            "home; choose fewer images, or run it by hand with validate --record"
        )
