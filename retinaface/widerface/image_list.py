"""Read the list of images of a copy of the data set, whose order is that of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from retinaface.errors import DatasetError
from retinaface.files import check_inside, read_bounded
from retinaface.widerface.ground_truth import image_id

# IGIE's list, and ixRT's, which lies beside its `images/`.
LIST_FILES = ("val/wider_val.txt", "wider_val.txt")
# The official list has 0.2 MiB for 3226 images.
MAX_LIST_BYTES = 16 << 20


def own_list(root: Path) -> tuple[Path, tuple[str, ...]] | None:
    """Read the list of a copy; None where it has none.

    Raises:
        DatasetError: It is damaged, or there are two that differ.
    """
    files = [root / name for name in LIST_FILES if (root / name).is_file()]
    for file in files:
        check_inside(file, root, DatasetError)
    lists = [read_image_list(file) for file in files]
    if not lists:
        return None
    if len(set(lists)) > 1:
        how = "order" if set(lists[0]) == set(lists[1]) else "images"
        raise DatasetError(
            f"{files[0]} and {files[1]} differ in their {how}, which decides what is run; keep one"
        )
    return files[0], lists[0]


def read_image_list(path: Path) -> tuple[str, ...]:
    """Read a list of images, one name a line (see `image_id`), with or without a leading slash.

    Either slash separates folders and name.

    Raises:
        DatasetError: A line has another form, or an image is listed twice.
    """
    try:
        text = read_bounded(path, MAX_LIST_BYTES, DatasetError).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read image list {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"cannot read image list {path}: byte {error.start} is none, expected UTF-8"
        ) from error
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        images = tuple(image_id(line.replace("\\", "/")) for line in lines)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    twice, n = Counter(images).most_common(1)[0] if images else ("", 0)
    if n > 1:
        raise DatasetError(f"{path}: {twice} is listed twice; remove one line")
    return images
