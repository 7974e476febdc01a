"""A run record is read: of this version or an older one, checked, arrays on demand."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from retinaface.detection.detections import Detections
from retinaface.errors import RecordError
from retinaface.files import ZIP_ERRORS
from retinaface.records.migrate import upgraded
from retinaface.records.result_id import array_prefix
from retinaface.records.traced_images import ImageStages, unpack_stages
from retinaface.records.write import (
    COUNTS_FILE,
    DETECTIONS_FILE,
    RECORD_FILE,
    STAGES_FILE,
)
from retinaface.widerface.average_precision import Counts

_ARRAY_ERRORS = (OSError, LookupError, EOFError, ValueError, TypeError, *ZIP_ERRORS)
_MAX_MESSAGE = 300


@dataclass(frozen=True)
class Run:
    """A record as this version writes it, whichever version wrote it.

    Attributes:
        folder: Where it lies.
        name: What tables call it.
        data: `record.json`; see `schema.json`.
    """

    folder: Path
    name: str
    data: Mapping[str, Any]

    @property
    def verdict(self) -> str | None:
        """PASS, FAIL, INCONCLUSIVE; None where nothing was judged."""
        verdict = self.data["verdict"]
        return None if verdict is None else str(verdict)

    @property
    def environment(self) -> Mapping[str, Any]:
        """See `environment.describe_environment`."""
        return dict(self.data["environment"])

    @property
    def is_embedded(self) -> bool:
        """Whether its images are those of the embedded set."""
        target, coverage = self.data.get("target", {}), self.data.get("coverage", {})
        return bool(target.get("data", {}).get("embedded") or coverage.get("embedded"))

    @functools.cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        """Results by id, in the order of the run."""
        return {result["id"]: dict(result) for result in self.data["results"]}

    @functools.cached_property
    def tests(self) -> dict[str, dict[str, Any]]:
        """Tests by id, in the order of the run."""
        return {test["id"]: dict(test) for test in self.data["tests"]}

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
            RecordError: The file is damaged.
        """
        arrays = self._arrays(COUNTS_FILE, result_id)
        if not arrays:
            return None
        with self._reading(COUNTS_FILE):
            images = tuple(str(image) for image in arrays.pop("images").tolist())
            return images, Counts(**arrays)

    def stages(self, result_id: str) -> list[ImageStages]:
        """Read the traced images of a result; empty where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        facts = self.results[result_id].get("traced", [])
        arrays = self._arrays(STAGES_FILE, result_id)
        with self._reading(STAGES_FILE):
            return unpack_stages(facts, arrays) if arrays else []

    def model(self, result_id: str) -> Path | None:
        """Find the kept file that a result was made with; None where there is none."""
        kept = (self.results[result_id].get("model") or {}).get("kept")
        path = self.folder / kept if kept else None
        return path if path is not None and path.is_file() else None

    def _arrays(self, file: str, result_id: str) -> dict[str, Any]:
        path = self.folder / file
        if not path.is_file():
            return {}
        prefix = array_prefix(result_id)
        # Opened here: NumPy leaves a damaged file open.
        with (
            self._reading(file),
            path.open("rb") as source,
            np.load(source, allow_pickle=False) as arrays,
        ):
            names = [name for name in arrays.files if name.startswith(prefix)]
            return {name.removeprefix(prefix): arrays[name] for name in names}

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
        name: What to call it; the folder's name if None.

    Raises:
        RecordError: It is missing, damaged, or of a version that this release does not read.
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
        data = upgraded(data, path)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise RecordError(f"record {path} is malformed: {type(error).__name__}: {error}") from error
    try:
        jsonschema.validate(data, _schema())
    except jsonschema.ValidationError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "the file"
        message = error.message if len(error.message) < _MAX_MESSAGE else f"no {error.validator}"
        raise RecordError(f"record {path} is malformed at {place}: {message}") from error
    return Run(folder, name or folder.resolve().name, data)


def _schema() -> Any:
    path = Path(__file__).with_name("schema.json")
    return json.loads(path.read_text(encoding="utf-8"))
