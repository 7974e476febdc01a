"""Evaluate an engine on WIDER FACE: detect in every image, count, compute AP."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from retinaface.detection.detections import Detections
from retinaface.detection.detector import Job, Pass
from retinaface.detection.lanes import Result
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.environment import n_usable_cpus
from retinaface.errors import DatasetError
from retinaface.telling.visible import visible
from retinaface.widerface.average_precision import (
    Counts,
    average_precision,
    count_set,
)
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.plausibility import next_to_nothing
from retinaface.widerface.unfinished.found import Found, Keeping
from retinaface.widerface.unfinished.parts import Finished, Parts


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
        detect_s: Seconds from the first read to the last detection, of all pipelines that shared
            the pass.
        image_sha256: Hash of each scored image's file; empty where it could not be read.
        warning: That next to nothing was found; empty where something was.
        n_earlier: How many images a process that was killed had finished; `detect_s` is of the
            others alone.
    """

    detections: dict[str, Detections]
    bad_images: dict[str, str]
    counts: Counts
    images: tuple[str, ...]
    ap: dict[str, float]
    detect_s: float
    image_sha256: dict[str, str]
    warning: str = ""
    n_earlier: int = 0

    @property
    def n_images(self) -> int:
        """Count the scored images."""
        return len(self.images)


@dataclass(frozen=True)
class Spent:
    """Where the time of a pass went, in seconds that add up to it.

    Attributes:
        waiting_s: No engine ran, because no image was read, decoded and prepared.
        inference_s: Engines ran, and threads beside them decoded and scored.
        scoring_s: The rest: waiting for boxes, counting, AP.
    """

    waiting_s: float
    inference_s: float
    scoring_s: float


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
    parts: Parts | None = None,
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
        parts: Keeps what is found, should the process be killed; what it holds is gone on with.

    Raises:
        ImageError: An image cannot be used.
        DatasetError: No image could be used, or one is not what an earlier process saw.
    """
    job = Job(engine, pipeline, batch_size)
    (found,), _ = evaluate_together(
        [job],
        dataset,
        truth,
        workers=workers,
        skip_bad_images=skip_bad_images,
        predictions_dir=predictions_dir,
        progress=progress,
        parts=parts,
    )
    if isinstance(found, Exception):
        raise found
    return found


def evaluate_together(
    jobs: Sequence[Job],
    dataset: WiderFace,
    truth: GroundTruth,
    *,
    workers: int | None = None,
    skip_bad_images: bool = False,
    predictions_dir: Path | None = None,
    progress: bool = False,
    parts: Parts | None = None,
) -> tuple[list[Evaluation | Exception], Spent]:
    """Evaluate several jobs in one pass: each image is read, hashed and decoded once.

    Args:
        jobs: New ones, of engines with their pipelines; one where there are parts. The rest is as
            for `evaluate`.

    Returns:
        For each job its evaluation, or why there is none; and where the time went.

    Raises:
        ImageError: An image cannot be used, and bad images are not skipped.
    """
    hashes = dict.fromkeys(truth.images, "")
    found = {job: Found({}, {}, {}) for job in jobs}
    keep = Keeping(found, hashes, parts, predictions_dir)
    n_earlier = keep.go_on(jobs[0], dataset, truth.images)
    started = time.perf_counter()
    stream = Pass(
        jobs,
        truth.images[n_earlier:],
        hash_reads(dataset.read_bytes, hashes),
        workers=workers,
        skip_bad_images=skip_bad_images,
    )
    n_left = len(truth.images) - n_earlier
    for job, (image, result) in _count(stream, jobs, n_left, is_shown=progress):
        keep.add(job, image, result)
        if parts is not None:
            parts.add(Finished(image, result, hashes[image]))
    detect_s = time.perf_counter() - started
    with ThreadPoolExecutor(workers or n_usable_cpus()) as threads:
        end = lambda job: (  # noqa: E731
            job.error or conclude(found[job], truth, detect_s, hashes, n_earlier)
        )
        concluded = list(threads.map(end, jobs))
    infer_s = stream.busy.seconds()
    spent_s = time.perf_counter() - started
    return concluded, Spent(stream.waited_s, infer_s, spent_s - stream.waited_s - infer_s)


def conclude(
    found: Found,
    truth: GroundTruth,
    detect_s: float,
    hashes: Mapping[str, str],
    n_earlier: int = 0,
) -> Evaluation | DatasetError:
    """Count what was found in all images, and compute AP.

    Args:
        truth: The images, in the order of the run.
        detect_s: Seconds until the last detection.
        hashes: SHA-256 of each image's file.
        n_earlier: See `Evaluation`.
    """
    detections = found.detections
    if not detections:
        return DatasetError(f"none of {len(truth.images)} images could be used; check the folder")
    counts = count_set(found.scored, truth)
    ap = average_precision(counts)
    n_detections = sum(len(boxes.scores) for boxes in detections.values())
    warning = next_to_nothing(ap, n_images=len(truth.images), n_detections=n_detections)
    return Evaluation(
        detections,
        found.bad_images,
        counts,
        truth.images,
        ap,
        detect_s,
        dict(hashes),
        warning,
        n_earlier,
    )


def _count(
    stream: Iterable[tuple[Job, Result]], jobs: Sequence[Job], n_images: int, *, is_shown: bool
) -> Iterable[tuple[Job, Result]]:
    """Count the images on a progress bar, where stderr is a terminal."""
    title = " ".join([jobs[0].engine.spec.name, *(job.pipeline.name for job in jobs)])
    hidden = None if is_shown else True
    return tqdm(
        stream, total=n_images * len(jobs), unit="image", desc=visible(title), disable=hidden
    )


def hash_reads(read: Callable[[str], bytes], hashes: dict[str, str]) -> Callable[[str], bytes]:
    """Make a reader that stores the hash of every file."""

    def read_and_hash(image: str) -> bytes:
        data = read(image)
        hashes[image] = hashlib.sha256(data).hexdigest()
        return data

    return read_and_hash
