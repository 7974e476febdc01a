"""Flatten the ground truth of a `.mat` file; as a program, one file after another, under limits.

SciPy parses such files in C, and a damaged one can end the process (a segmentation fault), fill the
memory or never return. The program therefore imports nothing of this package and runs as a file in
Python's isolated mode without `site`: no `sitecustomize`, no `.pth` file and no variable
`PYTHON...` of the user takes effect. Its only argument is the parent's `sys.path` as JSON.

On standard input: `REQUEST` (1 for the file of a split, else 0; number of bytes), then the file.
On standard output: `REPLY` (status; sizes of the three parts), then names as UTF-8 between line
ends, counts as little-endian int64, values as little-endian float64; for an error its text instead.
The program ends with its input, that is, with its parent.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REQUEST, REPLY = struct.Struct(">BQ"), struct.Struct(">BQQQ")
# A reply: content; bytes that SciPy cannot read; a file that holds something else; out of memory.
DONE, UNREADABLE, FOREIGN, NO_MEMORY = range(4)
# What a file may take, over 20 times what an official one needs (0.2 s, 170 MiB of addresses).
MEMORY_BYTES = 1 << 30
CPU_S = 5
WALL_S = 8
# The parent ends a child that is late; where the parent is gone, the child's own alarm does.
_ALARM_S = 2 * WALL_S

Flat = tuple[list[str], "NDArray[np.int64]", "NDArray[np.float64]"]


class UnreadableError(ValueError):
    """SciPy cannot read the bytes."""


class ForeignError(ValueError):
    """The file is readable and is no ground truth of WIDER FACE."""


def flatten(data: bytes, *, is_split: bool) -> Flat:
    """Read a file.

    Returns:
        Names of the images, `<event>/<name>`; (I,) int64, the number of rows of each image; and
        float64 values of all images: (sum, 4) boxes, flattened, or (sum,) face numbers from 1.

    Raises:
        UnreadableError: The bytes are damaged.
        ForeignError: A variable is missing, or has another form.
    """
    import scipy.io

    key = "gt_list" if is_split else "face_bbx_list"
    wanted = ["event_list", "file_list", "face_bbx_list", "gt_list"]
    try:
        load: Any = scipy.io.loadmat  # whose annotations know no open file
        content: dict[str, Any] = load(io.BytesIO(data), variable_names=wanted)
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes make SciPy raise many types, and only those
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    if not is_split and "gt_list" in content:
        raise ForeignError("should be the ground truth of all faces, but it is that of a split")
    needed = wanted if is_split else wanted[:3]
    if missing := [name for name in needed if name not in content]:
        raise ForeignError(f"is not WIDER FACE ground truth: it lacks {', '.join(missing)}")
    names = list(_names(_cells(content, "event_list"), _cells(content, "file_list")))
    rows = [row for event in _cells(content, key) for row in _cells({key: event}, key)]
    return (names, *_joined([(_indices if is_split else _boxes)(row) for row in rows]))


def _cells(content: dict[str, Any], name: str) -> list[Any]:
    """List a column of cells."""
    import numpy as np

    column = content[name]
    if not (isinstance(column, np.ndarray) and column.dtype == object):
        raise ForeignError(f"is malformed: {name} should be a column of cells")
    if column.size and (column.ndim != 2 or column.shape[1] != 1):
        raise ForeignError(
            f"is malformed: {name} should be one column of cells, got {column.shape}"
        )
    return list(column.ravel())


def _names(events: list[Any], lists: list[Any]) -> Iterator[str]:
    if len(events) != len(lists):
        raise ForeignError(f"is malformed: {len(events)} events and {len(lists)} lists of files")
    for event, names in zip(events, lists, strict=True):
        folder = _text(event)
        for name in _cells({"file_list": names}, "file_list"):
            yield f"{folder}/{_text(name)}"


def _text(cell: Any) -> str:
    import numpy as np

    if not (isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size == 1):
        raise ForeignError("is malformed: a name should be one text")
    text = str(cell.ravel()[0])
    if "\n" in text or not text.isprintable():
        raise ForeignError("is malformed: a name holds control characters")
    return text


def _numbers(cell: Any) -> NDArray[np.float64]:
    import numpy as np

    if not (isinstance(cell, np.ndarray) and cell.dtype.kind in "uifb"):
        raise ForeignError("is malformed: faces should be numbers")
    return cell.astype("<f8")


def _boxes(cell: Any) -> NDArray[np.float64]:
    import numpy as np

    boxes = _numbers(cell)
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all()):
        raise ForeignError(f"is malformed: boxes should be (F, 4) and finite, got {boxes.shape}")
    return boxes.reshape(-1, 4)


def _indices(cell: Any) -> NDArray[np.float64]:
    import numpy as np

    numbers = _numbers(cell).ravel()
    if not (np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()):
        raise ForeignError("is malformed: face numbers should be whole")
    return numbers


def _joined(
    rows: list[NDArray[np.float64]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import numpy as np

    counts = np.array([len(row) for row in rows], dtype="<i8")
    return counts, np.concatenate([np.zeros(0), *(row.ravel() for row in rows)])


def limit_this_process() -> None:
    """Limit memory, and write no core file; Windows has no such limits, macOS none of addresses."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # whose processes begin with more addresses than this
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _limit_time(*, is_busy: bool) -> None:
    """Limit the time of a file before it is read, and lift the limit behind it."""
    if sys.platform == "win32":  # where the parent alone ends a child that is late
        return
    import resource
    import signal

    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + CPU_S if is_busy else hard, hard))
    signal.alarm(_ALARM_S if is_busy else 0)


def _reply(data: bytes, *, is_split: bool) -> tuple[int, bytes, bytes, bytes]:
    try:
        names, counts, values = flatten(data, is_split=is_split)
        return DONE, "\n".join(names).encode(), counts.tobytes(), values.tobytes()
    except UnreadableError as error:
        return UNREADABLE, str(error)[:300].encode(errors="replace"), b"", b""
    except ForeignError as error:
        return FOREIGN, str(error)[:300].encode(errors="replace"), b"", b""
    except MemoryError:
        return NO_MEMORY, b"", b"", b""


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the input ends, or one took all memory."""
    import scipy.io  # noqa: F401 - before the time of a file is counted

    sink.write(REPLY.pack(DONE, 0, 0, 0))
    sink.flush()
    status = DONE
    while status != NO_MEMORY and len(head := source.read(REQUEST.size)) == REQUEST.size:
        is_split, n_bytes = REQUEST.unpack(head)
        _limit_time(is_busy=True)
        status, *parts = _reply(source.read(n_bytes), is_split=bool(is_split))
        sink.write(REPLY.pack(status, *map(len, parts)))
        sink.writelines(parts)
        sink.flush()
        _limit_time(is_busy=False)


def main() -> None:
    """Run the program: keep standard output for replies, and whatever prints away from it."""
    limit_this_process()
    sys.path[:] = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
