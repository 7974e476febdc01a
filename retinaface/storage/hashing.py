"""Hash files, each state of one once in a process."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

# A file that was written so shortly before it was hashed may be written again without another time
# of change: coarse file systems count in two seconds.
_SETTLED_NS = 2 * 10**9
_BLOCK_BYTES = 2**20
# A run hashes a few files many times, and never so many of them.
_MOST_HASHES = 4096
_hashes: dict[tuple[object, ...], str] = {}


def file_sha256(path: Path) -> str:
    """Hash a file with SHA-256, in hex; once a process for each state of the file.

    A state is device, inode, size, and the times of content and inode, which no program can set
    back. A file that has just been written is hashed again.
    """
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if (known := _hashes.get(state)) is not None:
            return known
        digest = hashlib.sha256()
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    sha256 = digest.hexdigest()
    is_settled = time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED_NS
    if is_settled and len(_hashes) < _MOST_HASHES:
        _hashes[state] = sha256
    return sha256


def modules_sha256(*folders: Path) -> str:
    """Hash all Python modules of folders, names included: a change of code is another hash."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n".encode(errors="surrogateescape"))
            digest.update(path.read_bytes())
    return digest.hexdigest()
