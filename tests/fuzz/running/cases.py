"""The found cases in the repository: one file each, packed where it is long."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from pathlib import Path

CASES = Path(__file__).parents[1] / "cases"
_ENDING, _PACKED = ".case", ".case.xz"
# Longer ones are packed.
_PLAIN_BYTES = 8192
# Longer ones, packed, are not stored: the seed and the number tell how to make them again.
_MAX_BYTES = 65536


def stored(target: str) -> Iterator[tuple[str, bytes]]:
    """Give name and content of each case of a target."""
    for path in sorted((CASES / target).glob("*.case*")):
        yield path.name, read(path)


def read(path: Path) -> bytes:
    """Read a case, packed or not."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.name.endswith(_PACKED) else data


def store(target: str, data: bytes, *, instead_of: Path | None = None) -> Path | None:
    """Store a case, and drop a longer one of the same failure; None where it is too long."""
    name = hashlib.sha256(data).hexdigest()[:12]
    packed = len(data) > _PLAIN_BYTES
    content = lzma.compress(data, preset=9) if packed else data
    if len(content) > _MAX_BYTES:
        return None
    path = CASES / target / (name + (_PACKED if packed else _ENDING))
    if instead_of is not None and instead_of != path:
        instead_of.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def target_of(path: Path) -> str:
    """Name the target of a stored case."""
    return path.resolve().parent.name
