"""Hold the content of one `.mat` file, and check what a child process sent of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retinaface.errors import DatasetError
from retinaface.typing import FloatArray, IntArray
from retinaface.widerface.mats import child

# Of an error that the child reports.
_MAX_WORDS = 300


@dataclass(frozen=True)
class Content:
    """The images of one file, and what it says of each.

    Attributes:
        names: `<event>/<name>`, as the file has them.
        rows: For each image (F, 4) float64 boxes, left, top, width, height in pixels; or, for the
            file of a split, (K,) float64 whole numbers of its faces, from 1.
    """

    names: tuple[str, ...]
    rows: tuple[FloatArray, ...]


def checked(
    path: Path, status: int, parts: tuple[bytes, bytes, bytes], *, is_split: bool
) -> Content:
    """Check a reply, part by part, and make the content of it.

    Raises:
        DatasetError: The child refused the file, or the parts do not fit together.
    """
    names, counts, values = parts
    fetch = f"fetch it again: retinaface assets fetch {path.name}"
    if status == child.UNREADABLE:
        raise DatasetError(f"cannot read ground truth {path}: {plain_words(names)}; {fetch}")
    if status == child.FOREIGN:
        raise DatasetError(f"{path} {plain_words(names)}; {fetch}")
    if status == child.NO_MEMORY:
        raise DatasetError(
            f"cannot read ground truth {path}: it takes more than {child.MEMORY_BYTES >> 20} MiB "
            f"of memory, so the file is damaged; {fetch}"
        )
    if status != child.DONE or len(counts) % 8 or len(values) % 8:
        raise DatasetError(_nonsense(path))
    try:
        text = names.decode()
    except UnicodeDecodeError as error:
        raise DatasetError(_nonsense(path)) from error
    listed = tuple(text.split("\n")) if text else ()
    return made(path, listed, np.frombuffer(counts, "<i8"), np.frombuffer(values, "<f8"), is_split)


def made(
    path: Path, names: tuple[str, ...], counts: IntArray, values: FloatArray, is_split: bool
) -> Content:
    """Divide the values among the images, wherever they were read.

    Args:
        counts: (I,) int64, the rows of each image.
        values: (sum of counts * columns,) float64, all rows.

    Raises:
        DatasetError: The parts do not fit together.
    """
    n_columns = 1 if is_split else 4
    is_sound = len(counts) == len(names) and all(0 <= n <= len(values) for n in counts.tolist())
    if not is_sound or int(counts.sum()) * n_columns != len(values):
        raise DatasetError(_nonsense(path))
    if not np.isfinite(values).all():
        raise DatasetError(_nonsense(path))
    ends = np.cumsum(counts)[:-1]
    table = values if is_split else values.reshape(-1, n_columns)
    return Content(names, tuple(np.split(table, ends)))


def plain_words(data: bytes) -> str:
    """Take the words of an error from a child, without what a terminal would act on."""
    text = data.decode("utf-8", "replace")[:_MAX_WORDS]
    return "".join(one if one.isprintable() else " " for one in text)


def _nonsense(path: Path) -> str:
    return (
        f"{path} is malformed: its names, counts and numbers do not fit together; fetch it again: "
        f"retinaface assets fetch {path.name}"
    )
