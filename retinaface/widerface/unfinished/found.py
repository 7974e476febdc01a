"""Take what an evaluation finds in each image, now or in a process that was killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retinaface.detection.detections import Detections
from retinaface.detection.detector import Job
from retinaface.errors import ImageError
from retinaface.widerface.average_precision import ScoredBoxes
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.predictions import official_form, write_predictions
from retinaface.widerface.unfinished.parts import Parts, check_same


@dataclass(frozen=True)
class Found:
    """What was found for a job so far, by image."""

    detections: dict[str, Detections]
    bad_images: dict[str, str]
    scored: dict[str, ScoredBoxes]

    def add(self, image: str, result: Detections | ImageError) -> None:
        """Take an image's result."""
        if isinstance(result, ImageError):
            self.bad_images[image] = str(result)
            return
        self.detections[image] = result
        self.scored[image] = official_form(result.boxes_xyxy, result.scores)


@dataclass(frozen=True)
class Keeping:
    """Takes what is found in each image.

    Attributes:
        found: For each job.
        hashes: SHA-256 of each image's file.
        parts: Of an earlier process; None where nothing is kept.
        predictions_dir: Existing folder for predictions in the official format.
    """

    found: Mapping[Job, Found]
    hashes: dict[str, str]
    parts: Parts | None
    predictions_dir: Path | None

    def go_on(self, job: Job, dataset: WiderFace, images: Sequence[str]) -> int:
        """Take what a killed process found; give the number of its images.

        Raises:
            DatasetError: It is damaged, or an image is not what that process saw.
        """
        n = 0
        for one in self.parts.read() if self.parts is not None else ():
            check_same(one, images[n], dataset.read_bytes(images[n]))
            self.hashes[one.image] = one.sha256
            self.add(job, one.image, one.result)
            n += 1
        return n

    def add(self, job: Job, image: str, result: Detections | ImageError) -> None:
        """Take an image's result."""
        self.found[job].add(image, result)
        if self.predictions_dir is not None and isinstance(result, Detections):
            write_predictions(self.predictions_dir, image, result.boxes_xyxy, result.scores)
