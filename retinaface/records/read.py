"""Read and check a run record of this version or an older one; its arrays on demand."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from retinaface.detection.detections import Detections
from retinaface.errors import ExportError, RecordError
from retinaface.files import ZIP_ERRORS, file_sha256
from retinaface.records.consistency import ap_contradiction, contradictions
from retinaface.records.migrate import upgrade
from retinaface.records.result_id import array_prefix
from retinaface.records.schema import Record, Result, TestResult
from retinaface.records.traced_images import ImageStages, unpack_stages
from retinaface.records.write import (
    COUNTS_FILE,
    DETECTIONS_FILE,
    RECORD_FILE,
    STAGES_FILE,
    checkout_commit,
)
from retinaface.version import __version__
from retinaface.widerface.average_precision import Counts

_ARRAY_ERRORS = (OSError, LookupError, EOFError, ValueError, TypeError, *ZIP_ERRORS)


@dataclass(frozen=True)
class Run:
    """A record as this version writes it, whichever version wrote it.

    Attributes:
        name: Tables show it by this name.
        record: `record.json`.
    """

    folder: Path
    name: str
    record: Record
    _checked: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def verdict(self) -> str | None:
        """Give PASS, FAIL or INCONCLUSIVE; None where nothing was judged."""
        verdict = self.record.verdict
        return None if verdict is None else str(verdict)

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Give the facts of `environment.describe_environment`; what was not recorded is absent."""
        return dict(msgspec.to_builtins(self.record.environment))

    @property
    def is_embedded(self) -> bool:
        """Tell whether its images are those of the embedded set."""
        target, coverage = self.record.target, self.record.coverage
        data = target.data if target is not None else None
        parts = [data, coverage]
        return any(part.embedded for part in parts if part is not None)

    @functools.cached_property
    def results(self) -> dict[str, Result]:
        """Give results by id, in the order of the run."""
        return {result.id: result for result in self.record.results}

    @functools.cached_property
    def tests(self) -> dict[str, TestResult]:
        """Give tests by id, in the order of the run."""
        return {test.id: test for test in self.record.tests}

    def detections(self, result_id: str) -> dict[str, Detections] | None:
        """Read detections by image id; None where the record keeps none of this result.

        Raises:
            RecordError: The file is damaged.
        """
        arrays = self._arrays(DETECTIONS_FILE, result_id)
        if not arrays:
            return None
        with self._reading(DETECTIONS_FILE):
            offsets = arrays["offsets"]
            columns = [arrays[name] for name in ("boxes", "scores", "landmarks")]
            return {
                str(image): Detections(*(c[offsets[i] : offsets[i + 1]] for c in columns))
                for i, image in enumerate(arrays["images"].tolist())
            }

    def counts(self, result_id: str) -> tuple[tuple[str, ...], Counts] | None:
        """Read the scored images and their counts; None where the record keeps none of this result.

        Raises:
            RecordError: The file is damaged, or AP is not that of the counts. That is checked only
                where this very code wrote the record: other code may evaluate differently, which
                an attribution finds.
        """
        arrays = self._arrays(COUNTS_FILE, result_id)
        if not arrays:
            return None
        with self._reading(COUNTS_FILE):
            images = tuple(str(image) for image in arrays.pop("images").tolist())
            arrays.pop("image_sha256", None)
            counts = Counts(**arrays)
            if self.record.retinaface == __version__ and self.record.commit == _own_commit():
                text = ap_contradiction(self.results[result_id], counts)
                if text is not None:
                    raise _contradicts_itself(self.folder / RECORD_FILE, text)
            return images, counts

    def image_sha256(self, result_id: str) -> dict[str, str]:
        """Read the hash of each scored image's file; empty where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        arrays = self._arrays(COUNTS_FILE, result_id)
        if "image_sha256" not in arrays:
            return {}
        with self._reading(COUNTS_FILE):
            names, hashes = (arrays[key].tolist() for key in ("images", "image_sha256"))
            return {str(name): str(sha256) for name, sha256 in zip(names, hashes, strict=True)}

    def stages(self, result_id: str) -> list[ImageStages]:
        """Read the traced images of a result; empty where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        facts = msgspec.to_builtins(self.results[result_id].traced)
        arrays = self._arrays(STAGES_FILE, result_id)
        with self._reading(STAGES_FILE):
            return unpack_stages(facts, arrays) if arrays else []

    def model(self, result_id: str) -> Path | None:
        """Find the kept file that a result was made with; None where there is none."""
        model = self.results[result_id].model
        path = self.folder / model.kept if model is not None and model.kept else None
        return path if path is not None and path.is_file() else None

    def _arrays(self, file: str, result_id: str) -> dict[str, Any]:
        path = self.folder / file
        if not path.is_file():
            return {}
        self._check_hash(path)
        prefix = array_prefix(result_id)
        # Opened here: NumPy leaves a damaged file open.
        with (
            self._reading(file),
            path.open("rb") as source,
            np.load(source, allow_pickle=False) as arrays,
        ):
            names = [name for name in arrays.files if name.startswith(prefix)]
            return {name.removeprefix(prefix): arrays[name] for name in names}

    def _check_hash(self, path: Path) -> None:
        """Compare a file of arrays with the hash that the record has of it, once."""
        expected = self.record.arrays.get(path.name)
        if expected is None or path.name in self._checked:
            return
        if (actual := file_sha256(path)) != expected:
            raise RecordError(
                f"cannot read {path}: its SHA-256 is {actual}, expected {expected} as in "
                f"arrays/{path.name} of the record; run again with --record, or restore the folder"
            )
        self._checked.add(path.name)

    @contextlib.contextmanager
    def _reading(self, file: str) -> Iterator[None]:
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


def read_run(folder: Path, name: str | None = None) -> Run:
    """Read a record.

    Args:
        folder: Of the record.
        name: Its name in tables; the folder's name if None.

    Raises:
        RecordError: It is missing, damaged, contradicts itself, or is of a version that this
            release does not read.
    """
    path = folder / RECORD_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(
            f"cannot read a run record from {folder}: {error}; give the folder that --record named"
        ) from error
    if not isinstance(data, dict):
        raise RecordError(f"record {path} is malformed: expected an object")
    try:
        record = msgspec.convert(upgrade(data, path), Record, strict=False)
    except msgspec.ValidationError as error:  # it names the place
        raise RecordError(f"record {path} is malformed: {error}") from error
    except (LookupError, TypeError, AttributeError, ValueError, ExportError) as error:
        raise RecordError(f"record {path} is malformed: {type(error).__name__}: {error}") from error
    if (text := next(contradictions(record), None)) is not None:
        raise _contradicts_itself(path, text)
    return Run(folder, name or folder.resolve().name, record)


def _contradicts_itself(path: Path, text: str) -> RecordError:
    return RecordError(
        f"record {path} contradicts itself at {text}; run again with --record, or restore the file"
    )


@functools.cache
def _own_commit() -> str | None:
    return checkout_commit()
