"""Keep the samples of a soak in a file, a line each, written whole as soon as it is there."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from retinaface.errors import OutputError
from retinaface.files import check_output_file
from retinaface.records.write import json_safe

# The first line of each run has this key, with the version of the lines.
FIRST_KEY = "soak_version"
_LONGEST_LINE = 1 << 20


class Log:
    """A file of JSON lines, a run after the other; where the disk is full, lines wait for room.

    A process that is killed loses the interval that was running, and no line before it. The same
    command goes on in the same file, behind the last whole line.

    Attributes:
        problem: Why lines are missing; empty where none is.
    """

    def __init__(self, path: Path | None) -> None:
        """Look whether the file can be written; without a path, lines go nowhere.

        Raises:
            OutputError: It holds something else, or cannot be written.
        """
        self.problem = ""
        self._path, self._waiting, self._whole_bytes = path, b"", 0
        self._fd: int | None = None
        if path is not None:
            check_output_file(path)
            _check_is_log(path)

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a line, and those that wait; it is on the disk afterwards, or waits."""
        if self._path is None:
            return
        text = json.dumps(json_safe(dict(line)), allow_nan=False)
        self._waiting += text.encode() + b"\n"
        try:
            self._write(self._path)
        except OSError as error:
            self.problem = f"cannot write the last lines of {self._path}: {error.strerror}"

    def _write(self, path: Path) -> None:
        if self._fd is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            self._whole_bytes = _end_of_last_line(path)
        os.ftruncate(self._fd, self._whole_bytes)  # no half line stays
        n_written = os.pwrite(self._fd, self._waiting, self._whole_bytes)
        if n_written < len(self._waiting):
            os.ftruncate(self._fd, self._whole_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._fd)
        self._whole_bytes += n_written
        self._waiting, self.problem = b"", ""

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _check_is_log(path: Path) -> None:
    """Refuse a file that holds anything but lines of earlier soaks."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline(_LONGEST_LINE))
    except (OSError, ValueError):
        first = None
    if not isinstance(first, dict) or FIRST_KEY not in first:
        raise OutputError(
            f"cannot write {path}: it holds something else than samples of a soak; name a new file"
        )


def _end_of_last_line(path: Path) -> int:
    """Find where the last whole line ends: a kill may have left half of one behind it."""
    whole = 0
    with path.open("rb") as file:
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
    return whole
