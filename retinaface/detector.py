"""Images to detections: decoding, preprocessing, inference, post-processing, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from retinaface.boxes import decode_boxes, decode_landmarks, nms
from retinaface.config import MOBILENET_025, NMS_OVERLAP_LIMIT, SCORE_LIMIT
from retinaface.engines.base import Engine, RawOutputs
from retinaface.environment import n_usable_cpus
from retinaface.errors import EngineFault, ImageError
from retinaface.images import decode_image
from retinaface.pipelines import Geometry, Pipeline, preprocess, to_original
from retinaface.priors import prior_boxes
from retinaface.typing import FloatArray

# In input sizes. Boxes of trained and of generated weights stay within a few; a broken scale or an
# overflow in the exponent goes beyond.
SANE_EXTENT = 1000.0
# FP16 softmax gives sums of 1 to within a few of its steps of 2**-11.
_SCORE_SLACK = 0.01

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Detections:
    """Faces found in one image, best first.

    Attributes:
        boxes_xyxy: (K, 4) float32, pixels of the original image.
        scores: (K,) float32 in (0, 1].
        landmarks_xy: (K, 5, 2) float32, pixels: eyes, nose, mouth corners.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    landmarks_xy: FloatArray

    def above(self, score: float) -> Detections:
        """Those with a score above the given one."""
        keep = self.scores > score
        return Detections(self.boxes_xyxy[keep], self.scores[keep], self.landmarks_xy[keep])


@dataclass(frozen=True)
class _Prepared:
    name: str
    tensor: FloatArray  # (3, H, W)
    geometry: Geometry


def postprocess(
    loc: FloatArray,
    scores: FloatArray,
    landmarks: FloatArray,
    geometry: Geometry,
    *,
    score_limit: float = SCORE_LIMIT,
    overlap_limit: float = NMS_OVERLAP_LIMIT,
) -> Detections:
    """Turn one image's raw outputs into detections: score, decode, way back, suppression.

    Args:
        loc: (P, 4) float32.
        scores: (P, 2) float32.
        landmarks: (P, 10) float32.
        geometry: Of the image, from `preprocess`.
        score_limit: Only priors with a face score above it count.
        overlap_limit: See `nms`. Suppression acts on pixels of the original image, as published.

    Raises:
        EngineFault: A box or landmark lies so far out that the outputs cannot be right.
    """
    candidates = np.flatnonzero(scores[:, 1] > score_limit)
    candidates = candidates[np.argsort(-scores[candidates, 1], kind="stable")]
    priors = prior_boxes(geometry.input_height_px, geometry.input_width_px)[candidates]
    variances = MOBILENET_025.variances
    with np.errstate(over="ignore", invalid="ignore"):  # check_extent tells
        boxes_norm = decode_boxes(loc[candidates], priors, variances)
    landmarks_norm = decode_landmarks(landmarks[candidates], priors, variances)
    check_extent(boxes_norm, landmarks_norm)
    boxes = to_original(boxes_norm, geometry)
    face_scores = scores[candidates, 1]
    kept = nms(boxes, face_scores, overlap_limit)
    points = to_original(landmarks_norm[kept], geometry).reshape(-1, MOBILENET_025.n_landmarks, 2)
    return Detections(boxes[kept], face_scores[kept], points)


def detect(
    engine: Engine,
    pipeline: Pipeline,
    names: Iterable[str],
    load: Callable[[str], bytes],
    *,
    batch_size: int | None = None,
    workers: int | None = None,
    skip_bad_images: bool = False,
) -> Iterator[tuple[str, Detections | ImageError]]:
    """Detect faces in many images; files are read and prepared in threads while the engine runs.

    Args:
        engine: Open, for the pipeline's input size.
        pipeline: The recipe.
        names: What `load` takes and error messages say.
        load: Gives the bytes of an image file.
        batch_size: Most images in one call of the engine; None for the pipeline's own. Images of
            different input size are never batched together.
        workers: Threads that prepare images; None for one for each processor.
        skip_bad_images: Give the error in place of detections, instead of stopping.

    Yields:
        Each name with its detections, in the order of `names`.

    Raises:
        ImageError: An image cannot be used; names it.
        EngineFault: The outputs hold a NaN or an infinity; names the image.
    """
    size = batch_size or pipeline.batch_size
    with ThreadPoolExecutor(workers or n_usable_cpus(), "retinaface-prepare") as pool:

        def prepare(name: str) -> _Prepared | tuple[str, ImageError]:
            try:
                tensor, geometry = _prepare(name, load(name), pipeline)
                return _Prepared(name, tensor, geometry)
            except ImageError as error:
                if not skip_bad_images:
                    raise
                return name, error

        prepared = map_in_order(pool, prepare, names, ahead=2 * size)
        try:
            for batch in _batches(prepared, size):
                if isinstance(batch, tuple):
                    yield batch
                else:
                    yield from _run_batch(engine, batch)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], ahead: int
) -> Iterator[R]:
    """Like `pool.map`, but holds no more than `ahead` results at a time."""
    iterator = iter(items)
    pending: deque[Future[R]] = deque(pool.submit(function, i) for i in islice(iterator, ahead))
    while pending:
        result = pending.popleft().result()
        pending.extend(pool.submit(function, i) for i in islice(iterator, 1))
        yield result


def _prepare(name: str, data: bytes, pipeline: Pipeline) -> tuple[FloatArray, Geometry]:
    image = decode_image(data, name)
    try:
        return preprocess(image, pipeline)
    except ImageError as error:
        raise ImageError(f"cannot use image {name}: {error}") from error


def _batches(
    prepared: Iterable[_Prepared | tuple[str, ImageError]], size: int
) -> Iterator[list[_Prepared] | tuple[str, ImageError]]:
    """Group neighbours of equal input size; a bad image stands alone, in its place."""
    batch: list[_Prepared] = []
    for item in prepared:
        if isinstance(item, _Prepared):
            if len(batch) == size or (batch and item.tensor.shape != batch[0].tensor.shape):
                yield batch
                batch = []
            batch.append(item)
        else:
            if batch:
                yield batch
                batch = []
            yield item
    if batch:
        yield batch


def _run_batch(engine: Engine, batch: list[_Prepared]) -> Iterator[tuple[str, Detections]]:
    outputs = engine.infer(np.stack([item.tensor for item in batch]))
    check_finite(engine, outputs, [item.name for item in batch])
    for i, item in enumerate(batch):
        loc, scores, landmarks = (array[i] for array in outputs)
        try:
            found = postprocess(loc, scores, landmarks, item.geometry)
        except EngineFault as error:
            raise EngineFault(f"{engine.spec.name}: image {item.name}: {error}") from error
        yield item.name, found


def check_extent(boxes_norm: FloatArray, landmarks_norm: FloatArray) -> None:
    """Finite outputs can still be absurd: offsets that overflow put boxes beyond any image.

    Raises:
        EngineFault: A coordinate is not finite, or further out than `SANE_EXTENT` inputs.
    """
    for kind, coordinates in (("box", boxes_norm), ("landmark", landmarks_norm)):
        if not (np.abs(coordinates) <= SANE_EXTENT).all():
            raise EngineFault(
                f"a {kind} decodes to more than {SANE_EXTENT:g} times the input size; its offsets "
                "cannot be right"
            )


def check_finite(engine: Engine, outputs: RawOutputs, names: list[str]) -> None:
    """A NaN score is no detection and would vanish without a trace.

    Raises:
        EngineFault: An output holds a NaN or an infinity, or a score is no probability; names the
            output and the image.
    """
    for kind, array in outputs._asdict().items():
        if np.isfinite(array).all():
            continue
        bad = ~np.isfinite(array).all(axis=(1, 2))
        i = int(np.argmax(bad))
        n = int((~np.isfinite(array[i])).sum())
        raise EngineFault(
            f"{engine.spec.name}: {n} of {array[i].size} values of {kind} are not finite for image "
            f"{names[i]} ({int(bad.sum())} images of this batch)"
        )
    beyond = np.abs(outputs.scores - 0.5).max(axis=(1, 2)) > 0.5 + _SCORE_SLACK
    if beyond.any():
        raise EngineFault(
            f"{engine.spec.name}: scores of image {names[int(np.argmax(beyond))]} lie outside "
            "[0, 1]; is softmax in the graph?"
        )
