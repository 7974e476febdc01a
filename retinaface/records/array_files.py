"""The files of arrays of a record: read by result, compared with the hash that the record has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinaface.errors import RecordError
from retinaface.files import check_inside, file_sha256, refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import member_names, read_arrays
from retinaface.records.result_id import array_prefix


@dataclass(frozen=True)
class ArrayFiles:
    """The files beside `record.json`.

    Attributes:
        folder: Of the record.
        sha256: Hash of each file; none in records of before.
    """

    folder: Path
    sha256: Mapping[str, str]
    _checked: set[str] = field(default_factory=set, repr=False, compare=False)

    def read(self, file: str, result_id: str) -> dict[str, Any]:
        """Read the arrays of a result; empty where the file, or the result in it, is not there.

        Raises:
            RecordError: The file is damaged, or of another run.
        """
        path = self.folder / file
        if not path.is_file():
            return {}
        self._check_hash(path)
        prefix = array_prefix(result_id)
        with self.reading(file):
            found = read_arrays(path, lambda name: name.startswith(prefix))
            return {name.removeprefix(prefix): array for name, array in found.items()}

    def has_any(self, file: str) -> bool:
        """Tell whether a file holds arrays of any result."""
        path = self.folder / file
        if not path.is_file():
            return False
        check_inside(path, self.folder, RecordError)
        with self.reading(file):
            return bool(member_names(path))

    def _check_hash(self, path: Path) -> None:
        """Compare a file of arrays with the hash that the record has of it, once."""
        check_inside(path, self.folder, RecordError)
        expected = self.sha256.get(path.name)
        if expected is None or path.name in self._checked:
            return
        refuse_pointer(path, RecordError)
        if (actual := file_sha256(path)) != expected:
            raise RecordError(
                f"cannot read {path}: its SHA-256 is {actual}, expected {expected} as in "
                f"arrays/{path.name} of the record; run again with --record, or restore the folder"
            )
        self._checked.add(path.name)

    @contextlib.contextmanager
    def reading(self, file: str) -> Iterator[None]:
        """Turn what damaged arrays raise into one error."""
        try:
            yield
        except (FormatError, OSError) as error:
            raise RecordError(
                f"cannot read {self.folder / file}: {error}; run again with --record, or restore "
                "the folder"
            ) from error
