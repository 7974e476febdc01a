"""Judge what a reader did with an input: read, refused in one line, or a failure."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from retinaface.errors import RetinaFaceError
from tests.fuzz.target import Target

READ, REFUSED, FAILURE = "read", "refused", "failure"
# What libraries in C say; they raise other types than MemoryError.
_NO_MEMORY = ("can't allocate memory", "insufficient memory", "bad_alloc", "out of memory")
_PACKAGE = "retinaface"


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        what: `read`, `refused` or `failure`.
        kind: Name of the exception; `signal 11`, `timeout` of a child.
        where: Innermost place in the package: `module:function`.
        message: First line.
        seconds: It took.
    """

    what: str
    kind: str = ""
    where: str = ""
    message: str = ""
    seconds: float = 0.0

    @property
    def signature(self) -> str:
        """Name a failure, so that it is stored once."""
        return f"{self.kind} in {self.where}"

    def as_dict(self) -> dict[str, Any]:
        """Give plain data."""
        return asdict(self)


def judge(target: Target, folder: Path) -> Outcome:
    """Read an input in this process."""
    before = _files(folder.parent)
    try:
        target.read(folder)
    except (RetinaFaceError, click.ClickException) as error:
        if left := sorted(_files(folder.parent) - before):
            return Outcome(FAILURE, "left behind", _place(error), ascii(", ".join(left))[:300])
        if (cause := _lack_of_memory(error)) is not None:
            return Outcome(FAILURE, "out of memory", _place(error), _line(cause))
        return Outcome(REFUSED, type(error).__name__, _place(error), _line(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Outcome(FAILURE, type(error).__name__, _place(error), _line(error))
    return Outcome(READ)


def _files(work: Path) -> set[str]:
    """List what lies there but whole files in the cache, where those of other runs are kept."""
    found = {path.relative_to(work) for path in work.rglob("*") if not path.is_dir()}
    return {
        str(path)
        for path in found
        if path.parts[0] != "cache" or any(part.startswith(".") for part in path.parts)
    }


def _lack_of_memory(error: BaseException) -> BaseException | None:
    """Find what was turned into an error of one line only after memory was asked for."""
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause).lower()
        if isinstance(cause, MemoryError) or any(words in text for words in _NO_MEMORY):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _line(error: BaseException) -> str:
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return ascii(" ".join(text.split())[:300])[1:-1]


def _place(error: BaseException) -> str:
    found = "outside of the package"
    for frame in traceback.extract_tb(error.__traceback__):
        parts = Path(frame.filename).with_suffix("").parts
        if _PACKAGE in parts:
            last = len(parts) - 1 - parts[::-1].index(_PACKAGE)
            found = f"{'.'.join(parts[last + 1 :])}:{frame.name}"
    return found
