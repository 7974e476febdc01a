"""The files of arrays of a record: read by result, compared with the hash that the record has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinaface.errors import RecordError
from retinaface.files import check_inside, refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import (
    Array,
    check_arrays,
    check_names,
    check_offsets,
    check_range,
    member_names,
    read_arrays,
)
from retinaface.network.priors import prior_boxes
from retinaface.records.result_id import array_prefix
from retinaface.storage.hashing import file_sha256
from retinaface.widerface.average_precision import N_THRESHOLDS
from retinaface.widerface.ground_truth import ALL_FACES, SPLITS


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


_DETECTIONS = {
    "images": Array("US", ("I",)),
    "offsets": Array("iu", ("I+1",)),
    "boxes": Array("f", ("D", 4)),
    "scores": Array("f", ("D",)),
    "landmarks": Array("f", ("D", 5, 2)),
}
_COUNTS = {
    "images": Array("US", ("I",)),
    "n_faces": Array("iu", ("I", "S")),
    "image_index": Array("iu", ("D",)),
    "threshold_index": Array("iu", ("D",)),
    "is_proposal": Array("b", ("D", "S")),
    "is_hit": Array("b", ("D", "S")),
    "image_sha256": Array("US", ("I",), is_optional=True),
}
_FACES = 2**31 - 1
# Larger inputs than any pipeline has, and small enough to count their priors.
_MOST_PX = 8192


def check_detections(arrays: Mapping[str, Any]) -> None:
    """Check what `pack_detections` makes.

    Raises:
        FormatError: An array is missing, or of another type or shape; or rows are not those of
            the images.
    """
    # An array of no text is one of numbers to NumPy.
    if "images" in arrays and arrays["images"].shape == (0,):
        arrays = {**arrays, "images": arrays["images"].astype(str)}
    lengths = check_arrays(arrays, _DETECTIONS)
    check_offsets("offsets", arrays["offsets"], lengths["D"])
    check_names("images", arrays["images"].tolist())


def check_counts(arrays: Mapping[str, Any]) -> None:
    """Check `average_precision.Counts` and the names of its images.

    Raises:
        FormatError: As `check_detections`; or an index lies outside of what it points into.
    """
    if "images" in arrays and arrays["images"].shape == (0,):
        arrays = {**arrays, "images": arrays["images"].astype(str)}
    lengths = check_arrays(arrays, _COUNTS)
    if lengths["S"] not in (len(ALL_FACES), len(SPLITS)):
        raise FormatError(f"array 'n_faces': expected a column for each split, got {lengths['S']}")
    check_names("images", arrays["images"].tolist())
    check_range("n_faces", arrays["n_faces"], 0, _FACES)
    check_range("image_index", arrays["image_index"], 0, lengths["I"] - 1)
    check_range("threshold_index", arrays["threshold_index"], 0, N_THRESHOLDS - 1)


def check_stages(arrays: Mapping[str, Any], n: int) -> None:
    """Check the arrays of n traced images: see `traced_images.pack_stages`.

    Raises:
        FormatError: As `check_detections`; or the priors are not those of the input's size.
    """
    for i in range(n):
        expected = {
            f"{i}/inputs": Array("f", (3, f"{i}/H", f"{i}/W")),
            **{
                f"{i}/raw/{name}": Array("f", (f"{i}/P", width))
                for name, width in (("loc", 4), ("conf", 2), ("landmarks", 10))
            },
        }
        for stage in ("candidates", "detections"):
            expected |= {
                f"{i}/{stage}/boxes": Array("f", (f"{i}/{stage}", 4)),
                f"{i}/{stage}/scores": Array("f", (f"{i}/{stage}",)),
                f"{i}/{stage}/landmarks": Array("f", (f"{i}/{stage}", 5, 2)),
            }
        lengths = check_arrays(arrays, expected)
        size = lengths[f"{i}/H"], lengths[f"{i}/W"]
        if max(size) > _MOST_PX or lengths[f"{i}/P"] != len(prior_boxes(*size)):
            raise FormatError(f"array '{i}/raw/loc': its rows are not the priors of {size} pixels")
