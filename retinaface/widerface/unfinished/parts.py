"""Write what was found in batch after batch, and read it again.

A folder holds the evaluation of one engine over one list of images: files of some batches each, in
the order of the run. They are of this program alone, on this machine, and no format for others.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.detection.detections import Detections, pack_detections, unpack_detections
from retinaface.errors import DatasetError, ImageError, OutputError, RetinaFaceError
from retinaface.files import new_file
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import read_arrays
from retinaface.locks import try_lock

# A kill costs the batches since the last file at most: so long, and the batch that ran.
_INTERVAL_S = 1.0
# What nobody goes on with.
_STALE_S = 14 * 24 * 3600
_LOCK = "lock"
_MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Finished:
    """What was found in an image.

    Attributes:
        sha256: Of its file.
    """

    image: str
    result: Detections | ImageError
    sha256: str


class Parts:
    """A folder of an evaluation, locked by its process; the same one may run several times at once.

    Args:
        place: Of this evaluation alone; made where it is missing.
        batch_size: Images in a batch: a file ends where a batch does.
        resumes: Whether what a killed process left there is gone on with; else it is removed.

    Attributes:
        problem: Why nothing more is kept; empty while all is well.
    """

    def __init__(self, place: Path, batch_size: int, *, resumes: bool) -> None:
        self._batch_size = batch_size
        self.problem = ""
        self._waiting: list[Finished] = []
        self._n_files = 0
        self._written = time.monotonic()
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent)
        self._folder, self._lock = _free(place, wants_parts=resumes)
        if not resumes:
            for path in self._folder.glob("*.npz"):
                path.unlink()

    def read(self) -> Iterator[Finished]:
        """Give what earlier processes found, in the order of the run.

        Raises:
            DatasetError: A file is damaged.
        """
        for path in sorted(self._folder.glob("*.npz")):
            try:
                arrays = read_arrays(path)
                yield from _unpack(arrays)
            except (FormatError, OSError, LookupError) as error:
                raise DatasetError(
                    f"cannot go on: {path} is damaged ({error}); leave out --resume to begin anew"
                ) from error
            self._n_files += 1

    def add(self, finished: Finished) -> None:
        """Take an image; write now and then, where a batch ends."""
        self._waiting.append(finished)
        is_end = len(self._waiting) % self._batch_size == 0
        if is_end and time.monotonic() - self._written >= _INTERVAL_S:
            self._write(self._waiting)
            self._waiting, self._written = [], time.monotonic()

    def _write(self, found: list[Finished]) -> None:
        """Write a file; where that fails, the evaluation itself goes on."""
        if self.problem:
            return
        path = self._folder / f"{self._n_files:06d}.npz"
        try:
            with new_file(path) as file, file.open("wb") as sink:
                np.savez(sink, **_pack(found))
        except (RetinaFaceError, OSError) as error:
            self.problem = f"a kill would lose what was found from here on: {error}"
        self._n_files += 1

    def close(self, *, is_whole: bool) -> None:
        """End; what is there goes where the evaluation is whole, else all batches stay."""
        n_whole = len(self._waiting) // self._batch_size * self._batch_size
        if is_whole:
            shutil.rmtree(self._folder, ignore_errors=True)
        elif n_whole:
            self._write(self._waiting[:n_whole])
        os.close(self._lock)


def check_same(finished: Finished, image: str, data: bytes) -> None:
    """Compare an image with what earlier processes saw.

    Args:
        image: The image of the run at its place.
        data: Its file now.

    Raises:
        DatasetError: It is another.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    if (image, sha256) != (finished.image, finished.sha256):
        raise DatasetError(
            f"cannot go on: image {image} changed since it was evaluated; leave out --resume to "
            "begin anew"
        )


def _pack(found: list[Finished]) -> dict[str, Any]:
    errors = [str(f.result) if isinstance(f.result, ImageError) else "" for f in found]
    results = {
        f.image: Detections.none() if isinstance(f.result, ImageError) else f.result for f in found
    }
    hashes = np.array([f.sha256 for f in found])
    return {**pack_detections(results), "errors": np.array(errors), "sha256": hashes}


def _unpack(arrays: Mapping[str, Any]) -> Iterator[Finished]:
    errors, hashes = (arrays[name].tolist() for name in ("errors", "sha256"))
    results = unpack_detections(arrays).items()
    for (image, result), error, sha256 in zip(results, errors, hashes, strict=True):
        yield Finished(image, ImageError(error) if error else result, sha256)


def _free(place: Path, *, wants_parts: bool) -> tuple[Path, int]:
    """Take a folder that no process holds, and its lock; if possible one with something in it."""
    left = sorted(place.iterdir(), key=lambda path: not any(path.glob("*.npz")))
    new = (place / str(i) for i in itertools.count())
    for folder in (*(left if wants_parts else ()), *itertools.islice(new, _MOST_AT_ONCE)):
        folder.mkdir(exist_ok=True)
        if (lock := try_lock(folder / _LOCK)) is not None:
            return folder, lock
    raise OutputError(f"{_MOST_AT_ONCE} processes run this same evaluation; wait until one ends")


def _sweep(place: Path) -> None:
    """Remove evaluations with which nobody went on for long."""
    for folder in place.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_S:
                shutil.rmtree(folder)
