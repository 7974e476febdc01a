"""Parse the text of one prediction file: name, count, `x y w h score` lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.errors import DatasetError, excerpt
from retinaface.files import pointer_problem
from retinaface.telling.words import is_number
from retinaface.typing import FloatArray
from retinaface.widerface.ground_truth import LARGEST
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.reading.deviations import UTF8_MARK, UTF16

N_COLUMNS = 5
# Of one image; the network has 16 800 priors at 640x640, before suppression.
MAX_DETECTIONS = 20_000
# Ten whole numbers between commas may be five with decimal commas.
_DOUBTFUL = 2 * N_COLUMNS
_EXPECTED = "x y w h score"
_COUNT = re.compile(r"[0-9]{1,9}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BETWEEN = re.compile(r"[\s,;]+")
_WHOLE = re.compile(r"-?[0-9]+")
# UTF-32's mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", UTF8_MARK),
    (codecs.BOM_UTF32_LE, "utf-32", UTF16),
    (codecs.BOM_UTF32_BE, "utf-32", UTF16),
    (codecs.BOM_UTF16_LE, "utf-16", UTF16),
    (codecs.BOM_UTF16_BE, "utf-16", UTF16),
)
# Line number from 1, and the line without spaces around it.
_Line = tuple[int, str]


@dataclass(frozen=True)
class Parsed:
    """The content of one file.

    Attributes:
        stated: The image's name in the first line; empty for a file without content.
        predictions: In the file's order.
        n_ignored: Columns behind the score.
        separators: Other separators than spaces, in words; empty for none.
    """

    stated: str
    predictions: Predictions
    n_ignored: int = 0
    separators: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether the file had no content at all."""
        return not self.stated


def decode(data: bytes, source: str) -> tuple[str, str]:
    """Decode a file by its byte order mark, or as UTF-8.

    Returns:
        The text, and the kind of deviation; empty where there is no mark.

    Raises:
        DatasetError: It is none of these encodings, or a Git LFS pointer.
    """
    if problem := pointer_problem(source, data):
        raise DatasetError(problem)
    encoding, kind = next(((e, k) for mark, e, k in _MARKS if data.startswith(mark)), ("utf-8", ""))
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is not {error.encoding.upper()}"
        raise DatasetError(f"{source}: {where}; save it as UTF-8") from error
    if "\0" in text:
        raise DatasetError(f"{source}: it holds NUL characters, as UTF-16 does; save it as UTF-8")
    return text.lstrip("\ufeff"), kind


def has_foreign_line_ends(text: str) -> bool:
    """Tell whether lines end in CR LF or CR."""
    return "\r" in text


def parse_predictions(text: str, source: str) -> Parsed:
    """Parse the text of one file; empty lines mean nothing.

    Args:
        source: Name of the file in error messages.

    Raises:
        DatasetError: The header is missing, the count is wrong, a line does not have five numbers,
            or a number is not finite.
    """
    lines = _lines(text)
    if not lines:
        return Parsed("", _predictions(np.zeros((0, N_COLUMNS))))
    if len(lines) < 2 or not _COUNT.fullmatch(lines[1][1]):
        raise DatasetError(f"{source}: {_header_problem(lines)}")
    rows = lines[2:]
    if len(rows) != (count := int(lines[1][1])):
        raise DatasetError(
            f"{source}: line {lines[1][0]} announces {count} detections, but {len(rows)} follow; "
            "the file is cut short or was edited"
        )
    if count > MAX_DETECTIONS:
        raise DatasetError(
            f"{source}: {count} detections in one image, expected at most {MAX_DETECTIONS}; write "
            "fewer of low scores"
        )
    columns, separators = _split_rows(rows, source)
    n_columns = _number_of_columns(rows, columns, source)
    values = _values(rows, columns, source)
    return Parsed(lines[0][1], _predictions(values), n_columns - N_COLUMNS, separators)


def has_prediction_form(text: str) -> bool:
    """Tell whether a text may be predictions: rows of numbers, below a header or alone."""
    lines = [line for _, line in _lines(text)]
    has_header = len(lines) > 1 and _COUNT.fullmatch(lines[1]) is not None
    rows = lines[2:] if has_header else lines
    if not rows:
        return has_header and int(lines[1]) == 0
    return all(_is_row(line) for line in rows)


def _lines(text: str) -> list[_Line]:
    numbered = enumerate(_LINE_END.split(text), start=1)
    return [(number, line) for number, whole in numbered if (line := whole.strip())]


def _is_row(line: str) -> bool:
    words = _BETWEEN.split(line)[: N_COLUMNS - 1]
    return len(words) == N_COLUMNS - 1 and all(map(is_number, words))


def _header_problem(lines: Sequence[_Line]) -> str:
    """Say what the first two lines should be, and what they are."""
    expected = "expected the image's name, then the number of detections"
    if all(_is_row(line) for _, line in lines):
        return f"{expected}, got rows of numbers alone; write the two lines above them"
    if len(lines) == 1:
        return f"{expected}, got {excerpt(lines[0][1])} alone; for no detection, write 0 below it"
    return (
        f"{expected}, got {' and '.join(excerpt(line) for _, line in lines[:2])}; write it in the "
        "official format: "
        f"the name, the number, then {_EXPECTED} in each line"
    )


def _split_rows(rows: Sequence[_Line], source: str) -> tuple[list[list[str]], str]:
    """Split rows into columns; also give the separators in words, empty for spaces."""
    body = "\n".join(line for _, line in rows)
    if "," not in body and ";" not in body:
        return [line.split() for _, line in rows], "tabs" if "\t" in body else ""
    split = [_split(line, source) for line in rows]
    separators = ", ".join(sorted({name for _, name in split if name}))
    return [words for words, _ in split], separators


def _split(line: _Line, source: str) -> tuple[list[str], str]:
    """Split a row into columns, at commas or semicolons if they stand between the numbers.

    Returns:
        The columns, and the separator in words; empty for spaces.
    """
    number, text = line
    words = text.split()
    leading = " ".join(words[:N_COLUMNS])
    mark = next((mark for mark in ";," if mark in leading), None)
    if mark is None:
        return words, "tabs" if "\t" in text else ""
    columns = [column.strip() for column in text.split(mark)]
    if columns[-1] == "":
        columns.pop()
    is_decimal = "," in "".join(columns[:N_COLUMNS]) or any(
        len(column.split()) > 1 for column in columns[:N_COLUMNS]
    )
    is_whole = all(_WHOLE.fullmatch(column) for column in columns)
    if is_decimal or (mark == "," and len(columns) == _DOUBTFUL and is_whole):
        raise DatasetError(
            f"{source}: line {number} has commas that may be decimal commas: {excerpt(text)}; "
            f"write {_EXPECTED} with spaces between them and decimal points"
        )
    return columns, "commas" if mark == "," else "semicolons"


def _number_of_columns(rows: Sequence[_Line], columns: Sequence[Sequence[str]], source: str) -> int:
    """Count the columns, which must be the same in all rows.

    Raises:
        DatasetError: There are fewer than five, or rows differ.
    """
    for (number, _), words in zip(rows, columns, strict=True):
        if len(words) < N_COLUMNS:
            raise DatasetError(
                f"{source}: line {number} has {len(words)} columns, expected 5: {_EXPECTED}"
            )
        if len(words) != len(columns[0]):
            raise DatasetError(
                f"{source}: line {number} has {len(words)} columns, line {rows[0][0]} has "
                f"{len(columns[0])}; write {_EXPECTED} in each"
            )
    return len(columns[0]) if columns else N_COLUMNS


def _values(rows: Sequence[_Line], columns: Sequence[Sequence[str]], source: str) -> FloatArray:
    """Read the first five columns, as (D, 5) float64."""
    used = [words[:N_COLUMNS] for words in columns]
    flat = "".join(map("".join, used))
    if not flat.isascii() or "_" in flat:  # Python reads both as numbers
        raise DatasetError(f"{source}: expected plain numbers: {_EXPECTED}")
    try:
        values = np.array(used, dtype=np.float64).reshape(-1, N_COLUMNS)
    except ValueError as error:
        wrong = (
            (number, word)
            for (number, _), words in zip(rows, used, strict=True)
            for word in words
            if not is_number(word)
        )
        number, word = next(wrong, rows[0])
        raise DatasetError(
            f"{source}: line {number} has {excerpt(word)}, expected numbers: {_EXPECTED}"
        ) from error
    usable = (np.abs(values) <= LARGEST).all(axis=1)  # false for a NaN
    if not usable.all():
        number = rows[int(np.flatnonzero(~usable)[0])][0]
        raise DatasetError(
            f"{source}: line {number} holds a NaN, an infinity or a number beyond {LARGEST:g}"
        )
    return values


def _predictions(table: FloatArray) -> Predictions:
    return Predictions(table[:, :4], table[:, 4])
