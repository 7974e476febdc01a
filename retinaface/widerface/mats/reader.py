"""Read `.mat` files through one child process, which a damaged file may end in our place.

The child starts in 0.35 s from a warm disk, once for each process that reads.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from retinaface.children.answering import Answering, Ended, OnePerProcess, Read, UnsoundReply
from retinaface.errors import DatasetError
from retinaface.widerface.mats import child
from retinaface.widerface.mats.content import Content, checked

# Names and numbers that a reply may have: far beyond any set of faces, and below 1 GiB.
_MAX_NAMES_BYTES, _MAX_NUMBERS_BYTES = 64 << 20, 256 << 20
_TOO_BUSY = f"took more than {child.CPU_S} s of processor time"


class MatReader(Answering):
    """A child process for any number of files."""

    def __init__(self) -> None:
        """Start the child.

        Raises:
            DatasetError: It does not start.
        """
        try:
            super().__init__(child.__file__, _reply, {getattr(signal, "SIGXCPU", 0): _TOO_BUSY})
        except Ended as error:
            raise DatasetError(
                f"cannot start the process that reads .mat files: it {error}; try: {sys.executable}"
                " -c 'import scipy.io'"
            ) from error

    def read(self, path: Path, data: bytes, *, is_split: bool) -> Content:
        """Read one file.

        Args:
            path: Of the file, for the message.
            data: Its bytes.
            is_split: Whether it lists the faces of a split, not boxes.

        Raises:
            DatasetError: It is damaged, is no such ground truth, or ended the child.
        """
        try:
            request = (child.REQUEST.pack(is_split, len(data)), data)
            status, parts = self.exchange(request, _reply, child.WALL_S)
        except Ended as error:
            raise DatasetError(
                f"cannot read ground truth {path}: the process that read it {error}, so the file "
                "is damaged; fetch it again"
            ) from error
        if status == child.NO_MEMORY:
            self.close()
        return checked(path, status, parts, is_split=is_split)


def _reply(read: Read) -> tuple[int, tuple[bytes, bytes, bytes]]:
    """Read the status, names, counts and values."""
    status, n_names, n_counts, n_values = child.REPLY.unpack(read(child.REPLY.size))
    if n_names > _MAX_NAMES_BYTES or max(n_counts, n_values) > _MAX_NUMBERS_BYTES:
        raise UnsoundReply
    return status, (read(n_names), read(n_counts), read(n_values))


_children = OnePerProcess(MatReader)


def read_in_child(path: Path, data: bytes, *, is_split: bool) -> Content:
    """Read one file through the child of this process.

    Raises:
        DatasetError: As `MatReader.read`.
    """
    with _children.using() as reader:
        return reader.read(path, data, is_split=is_split)


def end_child() -> None:
    """End the child of this process; the next file starts another."""
    _children.end()
