"""Run an engine over a shard, and make what goes home: detections, or what AP needs of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.detection.detections import Detections
from retinaface.detection.detector import Job, Pass
from retinaface.detection.lanes import Result
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.errors import ClusterError
from retinaface.typing import BoolArray, ByteArray, FloatArray, IntArray
from retinaface.widerface.average_precision import ScoreRange, score_range
from retinaface.widerface.counting.matching import match_image
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import hash_reads
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import official_form


@dataclass(frozen=True)
class ShardDetections:
    """All that was found in a shard.

    Attributes:
        results: In the order of the images.
        image_sha256: Of each image's file; empty where it could not be read.
    """

    results: list[Result]
    image_sha256: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class ShardTally:
    """What AP needs of a shard: 9 bytes for each detection, and sums.

    S splits as in `Counts`.

    Attributes:
        n_faces: (S,) int: faces that count.
        scores: (D,) float64: of detections in images with annotated faces.
        flags: (D,) uint8: bit s says whether it is a proposal in split s, bit S + s whether a hit.
        scores_range: Of all detections.
        n_used: Images that could be used.
        n_detections: Of all images.
        bad_images: Why an image could not be used, by its name.
    """

    n_faces: IntArray
    scores: FloatArray
    flags: ByteArray
    scores_range: ScoreRange
    n_images: int
    n_used: int
    n_detections: int
    bad_images: dict[str, str]
    seconds: float


def check_result(value: object, images: Sequence[str], *, keeps_detections: bool) -> None:
    """Compare what a worker gives for a shard with what was asked of it.

    Args:
        images: Of the shard, in order.
        keeps_detections: Whether all detections were asked for.

    Raises:
        ClusterError: It is of another type, of other images, or tells of a time that cannot be.
    """
    problem = ""
    if keeps_detections != isinstance(value, ShardDetections) or not isinstance(
        value, (ShardDetections, ShardTally)
    ):
        wanted = ShardDetections if keeps_detections else ShardTally
        problem = f"a {type(value).__name__}, expected a {wanted.__name__}"
    elif not (isinstance(value.seconds, float) and 0 <= value.seconds < math.inf):
        problem = f"a time of {value.seconds!r} s, expected 0 or more"
    elif isinstance(value, ShardDetections):
        if [name for name, _ in value.results] != list(images):
            problem = (
                f"results of {len(value.results)} images, expected the {len(images)} asked for"
            )
    else:
        problem = _tally_problem(value, len(images))
    if problem:
        raise ClusterError(
            f"a worker answered with {problem}; start all workers in the same environment, and "
            "run again"
        )


def _tally_problem(value: ShardTally, n_images: int) -> str:
    if value.n_images != n_images or not 0 <= value.n_used <= n_images or value.n_detections < 0:
        return (
            f"a tally of {value.n_images} images, {value.n_used} used, {value.n_detections} "
            f"detections; expected one of {n_images}"
        )
    kinds = [f"{array.dtype} of shape {array.shape}" for array in (value.scores, value.flags)]
    n = len(value.scores)
    if kinds != [f"float64 of shape ({n},)", f"uint8 of shape ({n},)"]:
        return f"scores {kinds[0]} and flags {kinds[1]}, expected as many float64 and uint8"
    return "scores that are not finite" if not np.isfinite(value.scores).all() else ""


def detect_shard(
    engine: Engine,
    pipeline: Pipeline,
    batch_size: int,
    dataset: WiderFace,
    truth: GroundTruth,
    *,
    skip_bad_images: bool,
) -> ShardDetections:
    """Detect in the images of a shard, in the same way as `evaluate_together` does in all.

    Raises:
        ImageError: An image cannot be used, and bad images are not skipped.
        RetinaFaceError: The engine failed, or its outputs cannot be right.
    """
    started = time.perf_counter()
    hashes = dict.fromkeys(truth.images, "")
    job = Job(engine, pipeline, batch_size)
    reader = hash_reads(dataset.read_bytes, hashes)
    stream = Pass([job], truth.images, reader, skip_bad_images=skip_bad_images)
    results = [result for _, result in stream]
    if job.error is not None:
        raise job.error
    return ShardDetections(results, hashes, time.perf_counter() - started)


def tally(found: ShardDetections, truth: GroundTruth) -> ShardTally:
    """Match the detections of a shard with its faces, and keep what AP needs.

    Args:
        truth: Of the shard, in the order of the results.
    """
    forms = {
        i: official_form(result.boxes_xyxy, result.scores)
        for i, (_, result) in enumerate(found.results)
        if isinstance(result, Detections)
    }
    none_boxes, none_scores = np.zeros((0, 4)), np.zeros(0)
    matched = [
        match_image(
            forms[i].boxes_xywh if i in forms else none_boxes,
            forms[i].scores if i in forms else none_scores,
            faces,
            counted,
        )
        for i, (faces, counted) in enumerate(zip(truth.faces_xywh, truth.counted, strict=True))
    ]
    return ShardTally(
        n_faces=np.sum([m.n_faces for m in matched], axis=0),
        scores=np.concatenate([m.scores for m in matched]),
        flags=np.concatenate([pack_flags(m.is_proposal, m.is_hit) for m in matched]),
        scores_range=score_range(form.scores for form in forms.values()),
        n_images=len(found.results),
        n_used=len(forms),
        n_detections=sum(len(form.scores) for form in forms.values()),
        bad_images={n: str(r) for n, r in found.results if not isinstance(r, Detections)},
        seconds=found.seconds,
    )


def pack_flags(is_proposal: BoolArray, is_hit: BoolArray) -> ByteArray:
    """Pack two (D, S) masks into (D,) bytes, for S up to 4."""
    both = np.concatenate([is_proposal, is_hit], axis=1)  # (D, 2 S)
    return np.packbits(both, axis=1, bitorder="little")[:, 0]


def unpack_flags(flags: ByteArray, n_splits: int) -> tuple[BoolArray, BoolArray]:
    """Undo `pack_flags`."""
    bits = np.unpackbits(flags[:, None], axis=1, count=2 * n_splits, bitorder="little")
    return bits[:, :n_splits].astype(bool), bits[:, n_splits:].astype(bool)
