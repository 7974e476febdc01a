"""A worker in another Python of this machine, over two pipes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

from retinaface.children.start import Child
from retinaface.engines.remote.transport import GRACE_S, Channel, ending, open_channel
from retinaface.errors import EngineUnavailable

WORKER = Path(__file__).with_name("worker.py")


class Pipes:
    """Starts `PYTHON worker.py READ_FD WRITE_FD`; a `Transport`."""

    shares_disk = True

    def __init__(self, python: Path) -> None:
        """Choose an environment, or its interpreter.

        Raises:
            EngineUnavailable: There is none.
        """
        self._python = interpreter(python)
        self.where = str(self._python)

    def start(self, name: str) -> Channel:
        """See `Transport.start`."""

        def start(their_read: int, their_write: int, printed: IO[bytes]) -> Child:
            return Child(
                [str(self._python), str(WORKER), str(their_read), str(their_write)],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(their_read, their_write),
                patience_s=GRACE_S,  # it notices, and closes its engine
            )

        try:
            return open_channel(start)
        except OSError as error:
            raise EngineUnavailable(
                f"{name}: cannot start {self._python}: {error.strerror}; give the "
                "interpreter of an environment"
            ) from error

    def prepare(self, channel: Channel, deadline: float) -> None:
        """Do nothing: the worker reads this package where it is, and expects a message."""

    def describe_end(self, code: int, doing: str, last_words: str) -> str:
        """See `Transport.describe_end`."""
        return f"the worker process {ending(code)} during {doing}{last_words}"


def interpreter(python: Path) -> Path:
    """Find the interpreter of an environment, or take the one named; links are not followed.

    A virtual environment's interpreter is a link, and knows its environment by its own place.

    Raises:
        EngineUnavailable: There is none.
    """
    path = python / "bin" / "python" if python.is_dir() else python
    if not path.is_file():
        raise EngineUnavailable(
            f"{python} is neither a Python interpreter nor an environment with bin/python; give "
            "one, such as .venv or .venv/bin/python"
        )
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the link
