"""What a target is: a whole input in a folder, the file of it that is damaged, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# A reader has so long for one input.
LIMIT_S = 10.0
# A reader may take so much memory beyond what whole inputs took, in addresses.
LIMIT_BYTES = 2**30

Bytes = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Target:
    """One kind of input, read as a user reaches its reader, and by the next step.

    Attributes:
        name: `<wing>.<kind>`, also the folder of its cases.
        form: How it is damaged; see `tests.fuzz.mutation`.
        file: The file that is damaged, relative to the folder.
        make: Writes a whole input into a new folder; may give further whole contents of the file.
        read: Reads what is in the folder; raises only what a user is told in one line.
        seal: Makes checksums inside the file right again, so that damage gets past them.
        cost: A short run makes so many times fewer new inputs, because the reader is slow.
    """

    name: str
    form: str
    file: str
    make: Callable[[Path], Sequence[bytes] | None]
    read: Callable[[Path], object]
    seal: Bytes | None = None
    cost: int = 1
