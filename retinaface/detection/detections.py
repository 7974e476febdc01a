"""Turn the network's outputs into detections: decode, map back to the image, suppress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.detection.boxes import decode_boxes, decode_landmarks, nms
from retinaface.detection.pipelines import Geometry, to_original
from retinaface.errors import EngineFault
from retinaface.network.config import MOBILENET_025, NMS_OVERLAP_LIMIT, SCORE_LIMIT
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatArray, IntArray

# In multiples of the input size. Boxes of trained and generated weights stay within a few; a broken
# scale or an overflow in the exponent exceeds this.
SANE_EXTENT = 1000.0
# Sums of an FP16 softmax are 1 to within a few steps of 2**-11.
_SCORE_SLACK = 0.01


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

    @classmethod
    def none(cls) -> Detections:
        """Give those of an image without any."""
        return cls(*(np.zeros((0, *shape), np.float32) for shape in ((4,), (), (5, 2))))

    def above(self, score: float) -> Detections:
        """Keep the detections with a higher score than this."""
        keep = self.scores > score
        return Detections(self.boxes_xyxy[keep], self.scores[keep], self.landmarks_xy[keep])


def postprocess(
    loc: FloatArray,
    scores: FloatArray,
    landmarks: FloatArray,
    geometry: Geometry,
    *,
    score_limit: float = SCORE_LIMIT,
    overlap_limit: float = NMS_OVERLAP_LIMIT,
) -> Detections:
    """Turn one image's raw outputs into detections: score, decode, map back, suppress.

    Args:
        loc: (P, 4) float32.
        scores: (P, 2) float32.
        landmarks: (P, 10) float32.
        geometry: The image's geometry, from `preprocess`.
        score_limit: Only priors with a higher face score count.
        overlap_limit: See `nms`. Suppression acts on pixels of the original image, as published.

    Raises:
        EngineFault: A box or landmark lies so far outside that the outputs cannot be right.
    """
    return suppress(decode(loc, scores, landmarks, geometry, score_limit), overlap_limit)


def decode(
    loc: FloatArray,
    scores: FloatArray,
    landmarks: FloatArray,
    geometry: Geometry,
    score_limit: float = SCORE_LIMIT,
) -> Detections:
    """Decode the candidates of one image, all priors above the score limit; see `postprocess`.

    Raises:
        EngineFault: A box or landmark lies so far outside that the outputs cannot be right.
    """
    candidates = np.flatnonzero(scores[:, 1] > score_limit)
    priors = prior_boxes(geometry.input_height_px, geometry.input_width_px)[candidates]
    variances = MOBILENET_025.variances
    with np.errstate(over="ignore", invalid="ignore"):  # check_extent finds them
        boxes_norm = decode_boxes(loc[candidates], priors, variances)
    landmarks_norm = decode_landmarks(landmarks[candidates], priors, variances)
    check_extent(boxes_norm, landmarks_norm)
    boxes = to_original(boxes_norm, geometry)
    points = to_original(landmarks_norm, geometry).reshape(-1, MOBILENET_025.n_landmarks, 2)
    return Detections(boxes, scores[candidates, 1], points)


def detections_of_inputs(
    outputs: Iterable[FloatArray], name: str, side_px: int = 320
) -> dict[str, Detections]:
    """Turn raw outputs of a batch into detections, in pixels of the network's own input.

    Args:
        outputs: (N, P, 4), (N, P, 2), (N, P, 10) float32.
        name: Name of the batch; an image's name is this and its number.
        side_px: Height and width of the input.
    """
    whole = Geometry(side_px, side_px, side_px, side_px, (0.0, 0.0), 1.0, clip=False)
    return {
        f"{name} {i}": postprocess(loc, scores, landmarks, whole)
        for i, (loc, scores, landmarks) in enumerate(zip(*outputs, strict=True))
    }


def suppress(candidates: Detections, overlap_limit: float = NMS_OVERLAP_LIMIT) -> Detections:
    """Keep the best candidate of each overlapping group, best first; see `boxes.nms`."""
    kept = nms(candidates.boxes_xyxy, candidates.scores, overlap_limit)
    return Detections(
        candidates.boxes_xyxy[kept], candidates.scores[kept], candidates.landmarks_xy[kept]
    )


def check_extent(boxes_norm: FloatArray, landmarks_norm: FloatArray) -> None:
    """Refuse absurd boxes: offsets that overflow may be finite and put boxes far outside.

    Raises:
        EngineFault: A coordinate is not finite, or beyond `SANE_EXTENT` times the input size.
    """
    for kind, coordinates in (("box", boxes_norm), ("landmark", landmarks_norm)):
        if not (np.abs(coordinates) <= SANE_EXTENT).all():
            raise EngineFault(
                f"a {kind} decodes to more than {SANE_EXTENT:g} times the input size; its offsets "
                "cannot be right"
            )


def check_outputs(loc: FloatArray, scores: FloatArray, landmarks: FloatArray) -> None:
    """Refuse outputs that cannot be right; a NaN score, for one, would vanish without a trace.

    Args:
        loc: (P, 4).
        scores: (P, 2).
        landmarks: (P, 10).

    Raises:
        EngineFault: An output holds a NaN or an infinity, or a score is not a probability.
    """
    for kind, array in (("loc", loc), ("scores", scores), ("landmarks", landmarks)):
        finite = np.isfinite(array)
        if not finite.all():
            n = int((~finite).sum())
            raise EngineFault(f"{n} of {array.size} values of {kind} are not finite")
    if scores.size and (scores.min() < -_SCORE_SLACK or scores.max() > 1 + _SCORE_SLACK):
        raise EngineFault("scores lie outside [0, 1]; is softmax in the graph?")


def pack_detections(by_image: Mapping[str, Detections]) -> dict[str, FloatArray | IntArray | Any]:
    """Join detections of many images into flat arrays.

    Returns:
        `images` (I,) str; `offsets` (I + 1,) int64, each image's first row, then the end; `boxes`
        (D, 4), `scores` (D,), `landmarks` (D, 5, 2), float32, pixels of the original images.
    """
    found = list(by_image.values())
    return {
        "images": np.array(list(by_image)),
        "offsets": np.cumsum([0, *(len(d.scores) for d in found)], dtype=np.int64),
        "boxes": np.concatenate([d.boxes_xyxy for d in found]),
        "scores": np.concatenate([d.scores for d in found]),
        "landmarks": np.concatenate([d.landmarks_xy for d in found]),
    }


def unpack_detections(arrays: Mapping[str, Any]) -> dict[str, Detections]:
    """Part the flat arrays of `pack_detections`, by image; their rows share its memory."""
    offsets = arrays["offsets"]
    columns = [arrays[name] for name in ("boxes", "scores", "landmarks")]
    return {
        str(image): Detections(*(column[offsets[i] : offsets[i + 1]] for column in columns))
        for i, image in enumerate(arrays["images"].tolist())
    }
