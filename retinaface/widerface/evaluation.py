"""Evaluate an engine on WIDER FACE: detect in every image, count, compute AP."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.average_precision import (
    Counts,
    ScoredBoxes,
    average_precision,
    count_set,
)
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.plausibility import next_to_nothing
from retinaface.widerface.predictions import official_form, write_predictions

_Found = tuple[str, Detections | ImageError]


@dataclass(frozen=True)
class Evaluation:
    """The result of a run over the data set.

    Attributes:
        detections: Detections by image id, in the order of the run.
        bad_images: Error messages by image id, for images that could not be used; all their faces
            are missed.
        counts: Counts of every scored image, in the order of `images`.
        images: The scored images.
        ap: AP by split, as fractions.
        detect_s: Seconds from the first read to the last detection.
        image_sha256: Hash of each scored image's file; empty where it could not be read.
        warning: That next to nothing was found; empty where something was.
    """

    detections: dict[str, Detections]
    bad_images: dict[str, str]
    counts: Counts
    images: tuple[str, ...]
    ap: dict[str, float]
    detect_s: float
    image_sha256: dict[str, str]
    warning: str = ""


def evaluate(
    engine: Engine,
    pipeline: Pipeline,
    dataset: WiderFace,
    truth: GroundTruth,
    *,
    batch_size: int,
    workers: int | None = None,
    skip_bad_images: bool = False,
    predictions_dir: Path | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run an engine on a selection of the data set and score it by the official protocol.

    Args:
        engine: An open engine with the pipeline's input size.
        truth: The selection, from `dataset.select`; its order is the order of the run.
        batch_size: Most images in one call of the engine.
        workers: Threads that prepare images.
        skip_bad_images: Count an image that does not decode as one with all faces missed.
        predictions_dir: Existing folder for predictions in the official format.
        progress: Show a progress bar on stderr, where that is a terminal.

    Raises:
        ImageError: An image cannot be used.
        DatasetError: No image could be used.
    """
    detections: dict[str, Detections] = {}
    hashes = dict.fromkeys(truth.images, "")
    bad: dict[str, str] = {}
    scored: dict[str, ScoredBoxes] = {}
    stream = detect(
        engine,
        pipeline,
        truth.images,
        _hash_reads(dataset.read_bytes, hashes),
        batch_size=batch_size,
        workers=workers,
        skip_bad_images=skip_bad_images,
    )
    started = time.perf_counter()
    for image, found in _count(stream, engine, pipeline, len(truth.images), is_shown=progress):
        if isinstance(found, ImageError):
            bad[image] = str(found)
            continue
        detections[image] = found
        scored[image] = official_form(found.boxes_xyxy, found.scores)
        if predictions_dir is not None:
            write_predictions(predictions_dir, image, found.boxes_xyxy, found.scores)
    detect_s = time.perf_counter() - started
    if not detections:
        raise DatasetError(f"none of {len(truth.images)} images could be used; check the folder")
    return _conclude(detections, bad, scored, truth, detect_s, hashes)


def _conclude(
    detections: dict[str, Detections],
    bad: dict[str, str],
    scored: Mapping[str, ScoredBoxes],
    truth: GroundTruth,
    detect_s: float,
    hashes: dict[str, str],
) -> Evaluation:
    counts = count_set(scored, truth)
    ap = average_precision(counts)
    n_detections = sum(len(found.scores) for found in detections.values())
    warning = next_to_nothing(ap, n_images=len(truth.images), n_detections=n_detections)
    return Evaluation(detections, bad, counts, truth.images, ap, detect_s, hashes, warning)


def _count(
    stream: Iterable[_Found], engine: Engine, pipeline: Pipeline, n_images: int, *, is_shown: bool
) -> Iterable[_Found]:
    """Count the images on a progress bar, where stderr is a terminal."""
    title = f"{engine.spec.name} {pipeline.name}"
    hidden = None if is_shown else True
    return tqdm(stream, total=n_images, unit="image", desc=title, disable=hidden)


def _hash_reads(read: Callable[[str], bytes], hashes: dict[str, str]) -> Callable[[str], bytes]:
    """Make a reader that stores the hash of every file."""

    def read_and_hash(image: str) -> bytes:
        data = read(image)
        hashes[image] = hashlib.sha256(data).hexdigest()
        return data

    return read_and_hash
