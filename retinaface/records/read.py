"""Read and check a run record of this version or an older one; its arrays on demand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from retinaface.detection.detections import Detections, unpack_detections
from retinaface.errors import ExportError, RecordError
from retinaface.files import check_inside
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import read_json
from retinaface.records.array_files import (
    ArrayFiles,
    check_counts,
    check_detections,
    check_stages,
)
from retinaface.records.consistency import (
    ap_contradiction,
    array_contradictions,
    contradictions,
)
from retinaface.records.migrate import upgrade
from retinaface.records.schema import Record, Result, TestResult
from retinaface.records.traced_images import ImageStages, unpack_stages
from retinaface.records.warnings import all_warnings
from retinaface.records.write import COUNTS_FILE, DETECTIONS_FILE, RECORD_FILE, STAGES_FILE
from retinaface.storage.hashing import file_sha256
from retinaface.version import __version__
from retinaface.widerface.average_precision import Counts


@dataclass(frozen=True)
class Run:
    """A record as this version writes it, whichever version wrote it.

    Attributes:
        name: Tables show it by this name.
        record: `record.json`.
        url: Where the folder was copied from; empty where it is the user's own.
    """

    folder: Path
    name: str
    record: Record
    url: str = ""

    @functools.cached_property
    def arrays(self) -> ArrayFiles:
        """The files beside it."""
        return ArrayFiles(self.folder, self.record.arrays)

    @property
    def place(self) -> str:
        """Give the folder as the user named it."""
        return self.url or str(self.folder)

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

    @functools.cached_property
    def warnings(self) -> list[str]:
        """What stands beside the verdict, whether or not the release that wrote it knew."""
        results = [msgspec.to_builtins(result) for result in self.record.results]
        return all_warnings(self.record.warnings, results)

    def detections(self, result_id: str) -> dict[str, Detections] | None:
        """Read detections by image id; None where the record keeps none of this result.

        Raises:
            RecordError: The file is damaged.
        """
        arrays = self._checked(DETECTIONS_FILE, result_id, check_detections)
        return unpack_detections(arrays) if arrays else None

    def n_detections(self, result_id: str) -> int | None:
        """Count the kept detections without making them; None where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        arrays = self._checked(DETECTIONS_FILE, result_id, check_detections)
        return int(arrays["offsets"][-1]) if arrays else None

    def _checked(
        self, file: str, result_id: str, check: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Read the arrays of a result, and check them; empty where the record keeps none."""
        arrays = self.arrays.read(file, result_id)
        if arrays:
            with self.arrays.reading(file):
                check(arrays)
        return arrays

    def counts(self, result_id: str) -> tuple[tuple[str, ...], Counts] | None:
        """Read the scored images and their counts; None where the record keeps none of this result.

        Raises:
            RecordError: The file is damaged, or AP is not that of the counts. That is checked only
                where this release wrote the record: another may evaluate differently, which an
                attribution finds.
        """
        arrays = self._checked(COUNTS_FILE, result_id, check_counts)
        if not arrays:
            return None
        images = tuple(str(image) for image in arrays.pop("images").tolist())
        arrays.pop("image_sha256", None)
        counts = Counts(**arrays)
        if self.record.retinaface == __version__:
            text = ap_contradiction(self.results[result_id], counts)
            if text is not None:
                raise _contradicts_itself(self.folder / RECORD_FILE, text)
        return images, counts

    def image_sha256(self, result_id: str) -> dict[str, str]:
        """Read the hash of each scored image's file; empty where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        arrays = self._checked(COUNTS_FILE, result_id, check_counts)
        if "image_sha256" not in arrays:
            return {}
        names, hashes = (arrays[key].tolist() for key in ("images", "image_sha256"))
        return {str(name): str(sha256) for name, sha256 in zip(names, hashes, strict=True)}

    def stages(self, result_id: str) -> list[ImageStages]:
        """Read the traced images of a result; empty where the record keeps none.

        Raises:
            RecordError: The file is damaged.
        """
        facts = msgspec.to_builtins(self.results[result_id].traced)
        check = functools.partial(check_stages, n=len(facts))
        arrays = self._checked(STAGES_FILE, result_id, check)
        return unpack_stages(facts, arrays) if arrays else []

    def model(self, result_id: str) -> Path | None:
        """Find the kept file that a result was made with; None where there is none.

        Raises:
            RecordError: It is not the file that the result was made with.
        """
        model = self.results[result_id].model
        if model is None or not model.kept or not (path := self.folder / model.kept).is_file():
            return None
        if (actual := file_sha256(path)) != model.sha256:
            raise RecordError(
                f"cannot read {path}: its SHA-256 is {actual}, expected {model.sha256} as in "
                f"results/{result_id}/model of the record; run again with --record, or restore "
                "the folder"
            )
        return path


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
    check_inside(path, folder, RecordError)
    try:
        data = read_json(path, RecordError)
    except (OSError, FormatError) as error:
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
    run = Run(folder, name or folder.resolve().name, record)
    _check_arrays(run)
    return run


def _check_arrays(run: Run) -> None:
    """Compare each result with the arrays beside it, whoever reads the record and for what."""
    has_others = run.arrays.has_any(COUNTS_FILE)
    for name, result in run.results.items():
        counted = run.counts(name)
        contradicting = array_contradictions(
            result,
            counted[1] if counted is not None else None,
            run.image_sha256(name),
            run.n_detections(name),
            has_others=has_others,
        )
        if (text := next(contradicting, None)) is not None:
            raise _contradicts_itself(run.folder / RECORD_FILE, text)


def _contradicts_itself(path: Path, text: str) -> RecordError:
    return RecordError(
        f"record {path} contradicts itself at {text}; run again with --record, or restore the file"
    )
