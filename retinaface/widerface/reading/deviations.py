"""Count the files that deviate from the official form, for one note on each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# Each continues "3 files ..."; braces take what the files have.
HIDDEN = "hidden or of the system, passed over"
NOT_TEXT = "with another ending than .txt, passed over"
NO_PREDICTION = "of other text, for no image and without detections, passed over"
BACKSLASHES = "packed with backslashes between folders, read as folders"
UTF8_MARK = "with a byte order mark, read without it"
UTF16 = "in UTF-16 or UTF-32, read"
LINE_ENDS = "with line ends of another system (CR LF or CR), read as line ends"
FIRST_LINE = (
    "whose first line has backslashes, or another ending than .jpg, read as the image's name"
)
EMPTY = "without content, read as no detection"
COLUMNS = "with further columns behind the score (number: {}), ignored"
SEPARATORS = "with {} between the columns, read as spaces"
NO_EVENT = "outside of the folder of their event, placed by the image's name, which is unique"


@dataclass
class Deviations:
    """The files that deviate, by kind, in the order in which the kinds were first seen."""

    _files: dict[str, list[str]] = field(default_factory=dict)
    _details: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, file: str, detail: str = "") -> None:
        """Add a file.

        Args:
            kind: One of the constants of this module.
            detail: What this file has, for a kind with braces.
        """
        self._files.setdefault(kind, []).append(file)
        if detail:
            self._details.setdefault(kind, set()).add(detail)

    def notes(self) -> tuple[str, ...]:
        """Write one note for each kind, with the number of files and the first of them."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        for kind, files in self._files.items():
            what = kind.format(" or ".join(sorted(self._details.get(kind, ()))))
            n_files = "1 file" if len(files) == 1 else f"{len(files)} files"
            yield f"{n_files} {what}: first {files[0]}"
