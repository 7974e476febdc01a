"""Read a TOML file that a user or a stranger wrote: its size and depth are limited."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from retinaface.errors import RetinaFaceError
from retinaface.files import read_bounded

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

# A plan of a hundred targets has 10 KiB.
MAX_TOML_BYTES = 1 << 20


def read_toml(file: Path, error: type[RetinaFaceError]) -> dict[str, Any]:
    """Read and parse a file.

    Raises:
        OSError: It cannot be read.
        RetinaFaceError: Of the given type: it is no file, too long, or not TOML.
    """
    text = read_bounded(file, MAX_TOML_BYTES, error)
    try:
        return tomllib.loads(text.decode("utf-8"))
    except RecursionError as why:  # of the parser, which calls itself for each level
        raise error(f"{file} has tables or lists inside each other, too deep; correct it") from why
    except ValueError as why:  # of TOML, or of UTF-8
        raise error(f"{file} is not TOML: {why}; correct it") from why
