"""Look at the directory of a zip before it is read, as a whole, into memory."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from pathlib import Path

# What a zip file raises: damage, encryption, an unknown method; and with those of the system.
ZIP_DAMAGE = (
    *(EOFError, KeyError, NotImplementedError, RuntimeError),
    *(lzma.LZMAError, zipfile.BadZipFile, zlib.error),
)
ZIP_ERRORS = (OSError, *ZIP_DAMAGE)
# End of the directory: signature, 4 bytes, entries on this disk and in all, 4 + 4 bytes of size and
# place, length of the comment, which may have 64 KiB (APPNOTE.TXT 4.3.16).
_END = struct.Struct("<4s4xHHIIH")
_END_SIGNATURE, _LONGEST_END = b"PK\5\6", 22 + (1 << 16)
# An entry of the directory without its name; a name of usual length has at most so many bytes.
_ENTRY_BYTES, _NAME_BYTES = 46, 300


def has_too_many(path: Path, max_entries: int) -> bool:
    """Tell whether a zip has more entries than a limit, or names too long for so many.

    Its number of entries may be a lie; its size is what is read.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        n_bytes = file.seek(0, 2)
        file.seek(max(0, n_bytes - _LONGEST_END))
        tail = file.read(_LONGEST_END)
    start = tail.rfind(_END_SIGNATURE)
    if start < 0 or len(tail) - start < _END.size:
        return False  # no zip, as its reader will say
    _, _, n_entries, size, _, _ = _END.unpack_from(tail, start)
    if n_entries == 0xFFFF or size == 0xFFFFFFFF:  # the true ones stand in another place
        n_entries, size = _end_of_zip64(tail[:start], (n_entries, size))
    return bool(
        n_entries > max_entries or min(size, n_bytes) > max_entries * (_ENTRY_BYTES + _NAME_BYTES)
    )


def _end_of_zip64(tail: bytes, otherwise: tuple[int, int]) -> tuple[int, int]:
    """Read number and size of a large directory from its own end (APPNOTE.TXT 4.3.14)."""
    start = tail.rfind(b"PK\6\6")
    if start < 0 or len(tail) < start + 48:
        return otherwise
    n_entries, size = struct.unpack_from("<QQ", tail, start + 32)
    return n_entries, size
