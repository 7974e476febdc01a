"""Keep the samples of a soak in a file, a line each, written whole as soon as it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from retinaface.errors import OutputError
from retinaface.files import check_output_file
from retinaface.records.write import json_safe


class Log:
    """A new file of JSON lines; where the disk is full, lines wait for room.

    A process that is killed loses the interval that was running, and no line before it.

    Attributes:
        problem: Why lines are missing; empty where none is.
    """

    def __init__(self, path: Path | None) -> None:
        """Make the file; without a path, lines go nowhere.

        Raises:
            OutputError: It is there, or cannot be made.
        """
        self.problem = ""
        self._path, self._waiting, self._whole_bytes = path, b"", 0
        self._fd: int | None = None
        if path is None:
            return
        check_output_file(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError as error:
            raise OutputError(
                f"cannot write {path}: it is there; name a new file, so that two runs never mix"
            ) from error
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; name another") from error

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a line, and those that wait; it is on the disk afterwards, or waits."""
        if self._fd is None:
            return
        text = json.dumps(json_safe(dict(line)), allow_nan=False)
        self._waiting += text.encode() + b"\n"
        try:
            n_written = os.pwrite(self._fd, self._waiting, self._whole_bytes)
            if n_written == len(self._waiting):
                os.fsync(self._fd)
                self._whole_bytes += n_written
                self._waiting, self.problem = b"", ""
                return
            self.problem = f"{self._path} has no room for the last lines"
        except OSError as error:
            self.problem = f"cannot write the last lines of {self._path}: {error.strerror}"
        os.ftruncate(self._fd, self._whole_bytes)  # no half line stays

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
