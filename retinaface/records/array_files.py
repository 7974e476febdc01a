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
        if not self._is_checked(path):
            return {}
        prefix = array_prefix(result_id)
        with self.reading(file):
            found = read_arrays(path, lambda name: name.startswith(prefix))
            return {name.removeprefix(prefix): array for name, array in found.items()}

    def has_any(self, file: str) -> bool:
        """Tell whether a file holds arrays of any result.

        Raises:
            RecordError: The file is damaged, or of another run.
        """
        path = self.folder / file
        if not self._is_checked(path):
            return False
        with self.reading(file):
            return bool(member_names(path))

    def _is_checked(self, path: Path) -> bool:
        """Compare a file with the hash that the record has of it, once; False where there is none.

        Raises:
            RecordError: The record names a file that is gone, or has no hash of this one beside
                those of others.
        """
        expected = self.sha256.get(path.name)
        if not path.is_file():
            if expected is None:
                return False
            raise RecordError(
                f"cannot read {path}: it is not there, and the record has its SHA-256 as "
                f"arrays/{path.name}; run again with --record, or restore the folder"
            )
        check_inside(path, self.folder, RecordError)
        if expected is None and self.sha256:
            raise RecordError(
                f"cannot read {path}: the record has no SHA-256 of it, only of "
                f"{', '.join(sorted(self.sha256))}; run again with --record, or take it away"
            )
        if expected is not None and path.name not in self._checked:
            self._check_hash(path, expected)
        return True

    def _check_hash(self, path: Path, expected: str) -> None:
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
