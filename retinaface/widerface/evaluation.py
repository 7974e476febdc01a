"""WIDER FACE AP of an engine: detections of every image, counts, AP, and what was covered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import Pipeline
from retinaface.embedded import embedded_truth_sha256
from retinaface.engines.base import Engine
from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.average_precision import (
    Counts,
    ScoredBoxes,
    average_precision,
    count_set,
)
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, GroundTruth
from retinaface.widerface.predictions import Predictions, official_form, write_predictions

SCORINGS = ("official", "ixrt")


@dataclass(frozen=True)
class Evaluation:
    """What a run over the data set gave.

    Attributes:
        detections: By image id, in the order of the run.
        bad_images: Message by image id of those that could not be used; all their faces are missed.
        counts: Of every image that is scored, in the order of `images`.
        images: The images that are scored.
        ap: By split, as fractions.
        detect_s: Seconds from the first read to the last detection.
        image_sha256: Of the file of each scored image; empty where it could not be read.
    """

    detections: dict[str, Detections]
    bad_images: dict[str, str]
    counts: Counts
    images: tuple[str, ...]
    ap: dict[str, float]
    detect_s: float
    image_sha256: dict[str, str]


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
    """Run an engine over a selection of the data set and score it by the official protocol.

    Args:
        engine: Open, for the pipeline's input size.
        pipeline: The recipe.
        dataset: Where the images are.
        truth: The selection, from `dataset.select`; its order is the order of the run.
        batch_size: Most images in one call of the engine.
        workers: Threads that prepare images.
        skip_bad_images: Count images that do not decode as images with all faces missed.
        predictions_dir: Existing folder to write predictions in the official format into.
        progress: Show a progress bar on stderr, where that is a terminal.

    Raises:
        ImageError: An image cannot be used.
        DatasetError: Every image was bad.
    """
    detections: dict[str, Detections] = {}
    hashes = dict.fromkeys(truth.images, "")
    bad: dict[str, str] = {}
    scored: dict[str, ScoredBoxes] = {}
    stream = detect(
        engine,
        pipeline,
        truth.images,
        _hashing(dataset.read_bytes, hashes),
        batch_size=batch_size,
        workers=workers,
        skip_bad_images=skip_bad_images,
    )
    bar = tqdm(
        stream,
        total=len(truth.images),
        unit="image",
        desc=f"{engine.spec.name} {pipeline.name}",
        disable=None if progress else True,
    )
    started = time.perf_counter()
    for image, found in bar:
        if isinstance(found, ImageError):
            bad[image] = str(found)
            continue
        detections[image] = found
        scored[image] = official_form(found.boxes_xyxy, found.scores)
        if predictions_dir is not None:
            write_predictions(predictions_dir, image, found.boxes_xyxy, found.scores)
    detect_s = time.perf_counter() - started
    if not detections:
        raise DatasetError(f"none of {len(truth.images)} images could be used; nothing to score")
    counts = count_set(scored, truth)
    ap = average_precision(counts)
    return Evaluation(detections, bad, counts, truth.images, ap, detect_s, hashes)


def _hashing(read: Callable[[str], bytes], hashes: dict[str, str]) -> Callable[[str], bytes]:
    """Keep the hash of every file that is read."""

    def read_and_hash(image: str) -> bytes:
        data = read(image)
        hashes[image] = hashlib.sha256(data).hexdigest()
        return data

    return read_and_hash


def scored_selection(
    truth: GroundTruth, scoring: str, *, batch_size: int
) -> tuple[GroundTruth, str | None]:
    """Apply a scoring rule to the images to run.

    `ixrt` repeats how the published ixRT figures came about: the loader drops the last incomplete
    batch, and the evaluator skips images without predictions before it counts their faces. The
    result is not WIDER FACE AP, and its label says so.

    Args:
        truth: The selection, in the order of the data set's list.
        scoring: `official` or `ixrt`.
        batch_size: Of the loader.

    Returns:
        The images to run and score, and the label; None for the official rule.

    Raises:
        DatasetError: `ixrt`, and there is no complete batch.
    """
    if scoring == "official":
        return truth, None
    n_dropped = len(truth.images) % batch_size
    kept = truth.images[: len(truth.images) - n_dropped]
    if not kept:
        raise DatasetError(
            f"ixrt scoring leaves out the incomplete batch, and {len(truth.images)} images give no "
            f"complete batch of {batch_size}; use --scoring official"
        )
    return truth.select(kept), (
        f"ixrt scoring: the last {n_dropped} images (incomplete batch of {batch_size}) were not "
        "run, and their faces are not counted; not the official protocol"
    )


@dataclass(frozen=True)
class Score:
    """AP of a set of predictions, and what it covers.

    Attributes:
        ap: By split, as fractions.
        n_images: Images that are scored.
        n_detections: Detections in them.
        missing: Images without a prediction file.
        notes: What the reader of the result must know.
    """

    ap: dict[str, float]
    n_images: int
    n_detections: int
    missing: list[str]
    notes: list[str]


def score_predictions(
    predictions: Mapping[str, Predictions],
    truth: GroundTruth,
    *,
    subset: str | None = None,
    scoring: str = "official",
) -> Score:
    """Score predictions that somebody made.

    Args:
        predictions: By image id; those outside the subset are ignored.
        truth: Of the whole set.
        subset: A named part of it.
        scoring: `official`: an image without a prediction file is one with all faces missed.
            `ixrt`: it is left out, faces and all, as the vendor's evaluator does.

    Raises:
        DatasetError: Predictions of an unknown image, or none of the images to score.
    """
    unknown = set(predictions).difference(truth.images)
    if unknown:
        raise DatasetError(
            f"{len(unknown)} prediction files are for images that are not in the ground truth, "
            f"first {min(unknown)}; remove them"
        )
    wanted = truth.subset(subset) if subset else truth
    missing = [image for image in wanted.images if image not in predictions]
    if len(missing) == len(wanted.images):
        raise DatasetError("there is no prediction file of any image to score; check --subset")
    notes = []
    if missing and scoring == "ixrt":
        wanted = wanted.select(image for image in wanted.images if image in predictions)
        notes.append(
            f"ixrt scoring: {len(missing)} images without a prediction file were left out, and "
            "their faces are not counted; not the official protocol"
        )
    elif missing:
        fits = not subset and set(predictions) == set(truth.subset("every-8").images)
        hint = "; the files are those of the subset every-8: add --subset every-8" if fits else ""
        notes.append(
            f"{len(missing)} of {len(wanted.images)} images have no prediction file, first "
            f"{missing[0]}; all their faces count as missed{hint}"
        )
    n_detections = sum(len(predictions[i].scores) for i in wanted.images if i in predictions)
    return Score(
        average_precision(count_set(predictions, wanted)),
        len(wanted.images),
        n_detections,
        missing,
        [coverage_note(wanted, subset), *notes],
    )


def coverage_note(truth: GroundTruth, subset: str | None) -> str:
    """Say how much of the set a result covers, and what it compares with."""
    n, total = len(truth.images), truth.n_images_total
    if truth.sha256 == embedded_truth_sha256():
        return f"covers {n} of {total} images of the embedded set: compares with that set alone"
    if total != OFFICIAL_N_IMAGES:
        return (
            f"covers {n} of {total} images of a ground truth that is not the official one "
            f"({OFFICIAL_N_IMAGES} images): does not compare with WIDER FACE AP"
        )
    if n == total:
        return f"covers all {total} images"
    which = f"the subset {subset}" if subset else "a part of the set"
    return f"covers {n} of {total} images ({which}): does not compare with AP over the full set"
