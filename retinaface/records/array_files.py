"""The files of arrays of a record: read by result, compared with the hash that the record has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.errors import RecordError
from retinaface.files import ZIP_ERRORS, check_inside, file_sha256, refuse_pointer
from retinaface.records.result_id import array_prefix

_ARRAY_ERRORS = (OSError, LookupError, EOFError, ValueError, TypeError, *ZIP_ERRORS)


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
        # Opened here: NumPy leaves a damaged file open.
        with (
            self.reading(file),
            path.open("rb") as source,
            np.load(source, allow_pickle=False) as arrays,
        ):
            names = [name for name in arrays.files if name.startswith(prefix)]
            return {name.removeprefix(prefix): arrays[name] for name in names}

    def has_any(self, file: str) -> bool:
        """Tell whether a file holds arrays of any result."""
        path = self.folder / file
        if not path.is_file():
            return False
        check_inside(path, self.folder, RecordError)
        with (
            self.reading(file),
            path.open("rb") as source,
            np.load(source, allow_pickle=False) as arrays,
        ):
            return bool(arrays.files)

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
        except RecordError:
            raise
        except _ARRAY_ERRORS as error:
            raise RecordError(
                f"cannot read {self.folder / file}: {type(error).__name__}: {error}; run again "
                "with --record, or restore the folder"
            ) from error
