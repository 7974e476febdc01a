"""Read and write the official format: `<event>/<name>.txt`, name, count, `x y w h score` lines."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from retinaface.errors import DatasetError
from retinaface.files import ZIP_ERRORS, refuse_pointer
from retinaface.typing import FloatArray
from retinaface.widerface.ground_truth import image_id

N_COLUMNS = 5
LARGEST = 1e9  # no pixel and no score is near it
_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Predictions:
    """Detections of one image in the official format.

    Attributes:
        boxes_xywh: (D, 4) float64, pixels: left, top, width, height.
        scores: (D,) float64.
    """

    boxes_xywh: FloatArray
    scores: FloatArray


def official_form(boxes_xyxy: FloatArray, scores: FloatArray) -> Predictions:
    """Round as writing with `format_predictions` and reading back would; AP is defined on that.

    Corners are truncated towards zero before they are subtracted.

    Args:
        boxes_xyxy: (D, 4) float32, pixels.
        scores: (D,) float32.
    """
    corners = np.trunc(boxes_xyxy).astype(np.float64).reshape(-1, 4)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    # Through the decimal form, which gives another float64 than the float32 itself.
    return Predictions(boxes, np.array([float(str(score)) for score in scores]))


def format_predictions(name: str, boxes_xyxy: FloatArray, scores: FloatArray) -> str:
    """Write one image's detections exactly as the vendor's and upstream's scripts do.

    Each line ends in a space.

    Args:
        name: The image's name without event and ending.
        boxes_xyxy: (D, 4) float32, pixels.
        scores: (D,) float32; written with the fewest digits that identify a float32.
    """
    boxes = official_form(boxes_xyxy, scores).boxes_xywh.astype(np.int64)
    lines = [
        f"{x} {y} {w} {h} {score} \n"
        for (x, y, w, h), score in zip(boxes.tolist(), map(str, scores), strict=True)
    ]
    return "".join([f"{name}\n{len(lines)}\n", *lines])


def parse_predictions(text: str, source: str) -> tuple[str, Predictions]:
    """Parse the text of one file.

    Args:
        source: Name of the file in error messages.

    Returns:
        The name in the file, and its detections in the file's order.

    Raises:
        DatasetError: The header is missing, the count is wrong, a line does not have five numbers,
            or a number is not finite.
    """
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 2 or not _COUNT.fullmatch(lines[1].strip()):
        raise DatasetError(
            f"{source}: expected the image's name, then the number of detections, "
            f"got {lines[:2]!r}; write it in the official format"
        )
    rows = [line.split() for line in lines[2:]]
    if len(rows) != (count := int(lines[1])):
        raise DatasetError(
            f"{source}: line 2 announces {count} detections, but {len(rows)} follow; "
            "the file is cut short or was edited"
        )
    body = "\n".join(lines[2:])
    if not body.isascii() or "_" in body:  # Python reads both as numbers
        raise DatasetError(f"{source}: expected plain numbers: x y w h score")
    for number, row in enumerate(rows, start=3):
        if len(row) != N_COLUMNS:
            raise DatasetError(
                f"{source}: line {number} has {len(row)} columns, expected 5: x y w h score"
            )
    try:
        values = np.array(rows, dtype=np.float64).reshape(-1, N_COLUMNS)
    except ValueError as error:
        raise DatasetError(f"{source}: {error}; expected numbers: x y w h score") from error
    usable = np.abs(values) <= LARGEST  # false for a NaN
    if not usable.all():
        number = 3 + int(np.flatnonzero(~usable.all(axis=1))[0])
        raise DatasetError(
            f"{source}: line {number} holds a NaN, an infinity or a number beyond {LARGEST:g}"
        )
    return lines[0].strip(), Predictions(values[:, :4], values[:, 4])


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Read a folder or zip of prediction files.

    The event folders may be inside other folders; files that do not end in `.txt` are ignored.

    Returns:
        Detections by image id `<event>/<name>`.

    Raises:
        DatasetError: There is nothing to read, a file is malformed, a name leads out of the folder,
            the first line of a file names another image, or an image has two files.
    """
    result: dict[str, Predictions] = {}
    for member, data in _text_files(path):
        source = f"{path}/{member}"
        parts = PurePosixPath(member).parts
        if len(parts) < 2:
            raise DatasetError(f"{source}: expected <event>/<name>.txt inside the folder or zip")
        try:
            image = image_id("/".join(parts[-2:]).removesuffix(".txt"))
            text = data.decode("utf-8")
        except (DatasetError, UnicodeDecodeError) as error:
            raise DatasetError(f"{source}: {error}") from error
        stated, predictions = parse_predictions(text, source)
        stated_parts = stated.removesuffix(".jpg").strip("/").split("/")[-2:]
        if stated_parts != image.split("/")[-len(stated_parts) :]:
            raise DatasetError(
                f"{source}: its first line names another image, {stated!r}; rename the file"
            )
        if image in result:
            raise DatasetError(f"{source}: it is the second file for {image}; keep one")
        result[image] = predictions
    if not result:
        raise DatasetError(f"no prediction files in {path}: expected <event>/<name>.txt")
    return result


def _text_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """List the text files in the folder or zip, sorted, with their bytes."""
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.txt")):
                yield file.relative_to(path).as_posix(), file.read_bytes()
        else:
            refuse_pointer(path, DatasetError)
            with zipfile.ZipFile(path) as archive:
                names = sorted(archive.namelist())
                if outside := [n for n in names if n.startswith("/") or ".." in n.split("/")]:
                    raise DatasetError(
                        f"{path}/{outside[0]}: expected <event>/<name>.txt inside the zip"
                    )
                for name in names:
                    if name.endswith(".txt") and "__MACOSX" not in name.split("/"):
                        yield name, archive.read(name)
    except ZIP_ERRORS as error:
        raise DatasetError(
            f"cannot read predictions {path}: {error}; expected a folder or a zip file"
        ) from error


def write_predictions(folder: Path, image: str, boxes_xyxy: FloatArray, scores: FloatArray) -> None:
    """Write one image's detections into a folder, as `<event>/<name>.txt`.

    Raises:
        DatasetError: The image id would lead out of the folder.
    """
    event, _, name = image_id(image).partition("/")
    (folder / event).mkdir(exist_ok=True)
    (folder / event / f"{name}.txt").write_text(format_predictions(name, boxes_xyxy, scores))
