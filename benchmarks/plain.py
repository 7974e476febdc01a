"""The plain way: the steps of the published scripts, written again, one after the other.

One process walks over the images. Python loops build the priors anew for every image, all of
them are decoded before one score is looked at, suppression goes box by box, detections pass through
text files, and the evaluation counts prediction by prediction and threshold by threshold, once for
each difficulty. The results are those of the fast way, which a test compares with the goldens.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from retinaface.engines.base import Engine
from retinaface.widerface.ground_truth import SPLITS, GroundTruth
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.reading.text import parse_predictions

SIDE = 320
STRIDES = (8, 16, 32)
PRIOR_SIZES = ((10, 20), (32, 64), (128, 256))
VARIANCES = (0.1, 0.2)
MEAN_BGR = (104, 117, 123)
SCORE_LIMIT, OVERLAP_LIMIT, MATCH_OVERLAP = 0.02, 0.4, 0.5
N_THRESHOLDS = 1000


class Stopwatch:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a block."""
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


def detect(
    engine: Engine,
    names: Sequence[str],
    load: Callable[[str], bytes],
    folder: Path,
    watch: Stopwatch,
    *,
    batch_size: int = 32,
) -> None:
    """Detect faces by the `igie` recipe and write one text file for each image.

    Args:
        engine: An open engine for 320 x 320 inputs.
        load: Gives the bytes of an image file.
        folder: Takes the text files, `<event>/<name>.txt`.
        watch: Takes the seconds of `decoding`, `preprocessing`, `inference`, `priors`, `decode`,
            `suppression`, `writing`.
        batch_size: Images in one call; the last batch repeats images.
    """
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        inputs, shapes = [], []
        for name in batch:
            with watch("decoding"):
                image = cv2.imdecode(np.frombuffer(load(name), np.uint8), cv2.IMREAD_COLOR)
            with watch("preprocessing"):
                tensor, placed = letterbox(image)
            inputs.append(tensor)
            shapes.append((image.shape[:2], placed))
        inputs += [inputs[-1]] * (batch_size - len(batch))
        with watch("inference"):
            loc, scores, landmarks = engine.infer(np.array(inputs))
        for i, name in enumerate(batch):
            lines = postprocess(loc[i], scores[i], landmarks[i], *shapes[i], watch)
            with watch("writing"):
                write(folder / f"{name}.txt", lines)


def letterbox(image: np.ndarray) -> tuple[np.ndarray, tuple[int, float, float]]:
    """Resize into the middle of a grey square; also give the height and the left, top margins."""
    height, width = image.shape[:2]
    ratio = SIDE / max(height, width)
    new_width, new_height = int(width * ratio), int(height * ratio)
    if ratio != 1:
        image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    dw, dh = (SIDE - new_width) / 2, (SIDE - new_height) / 2
    top, bottom = round(dh - 0.1), round(dh + 0.1)
    left, right = round(dw - 0.1), round(dw + 0.1)
    grey = (114, 114, 114)
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=grey)
    tensor = np.float32(image) - np.array(MEAN_BGR, np.float32)
    return tensor.transpose(2, 0, 1), (new_height, dw, dh)


def priors(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Make every prior box, one by one; (4200, 4) float32 centre x, centre y, width, height.

    The loops are the general ones of the usual scripts: several levels, sizes, and centres in a
    cell, although this network has one centre.
    """
    anchors: list[float] = []
    for level, stride in enumerate(STRIDES):
        rows, columns = ceil(height / stride), ceil(width / stride)
        for row, column in product(range(rows), range(columns)):
            for size in PRIOR_SIZES[level]:
                box_width, box_height = size / width, size / height
                centres_x = [x * stride / width for x in [column + 0.5]]
                centres_y = [y * stride / height for y in [row + 0.5]]
                for y, x in product(centres_y, centres_x):
                    anchors += [x, y, box_width, box_height]
    return np.array(anchors, dtype=np.float32).reshape(-1, 4)


def postprocess(
    loc: np.ndarray,
    scores: np.ndarray,
    landmarks: np.ndarray,
    shape: tuple[int, int],
    placed: tuple[int, float, float],
    watch: Stopwatch,
) -> list[str]:
    """Turn the outputs of one image into the lines of its file."""
    (height, width), (new_height, dw, dh) = shape, placed
    with watch("priors"):
        anchors = priors()
    with watch("decode"):
        centre = anchors[:, :2] + loc[:, :2] * np.float32(VARIANCES[0]) * anchors[:, 2:]
        size = anchors[:, 2:] * np.exp(loc[:, 2:] * np.float32(VARIANCES[1]))
        boxes = np.concatenate((centre - size / 2, centre - size / 2 + size), axis=1)
        points = np.concatenate(
            [
                anchors[:, :2] + landmarks[:, k : k + 2] * np.float32(0.1) * anchors[:, 2:]
                for k in range(0, 10, 2)
            ],
            axis=1,
        )
        gain = np.float32(new_height / height)
        shift = np.array([dw, dh], dtype=np.float32)
        boxes = (boxes * np.float32(SIDE) - np.tile(shift, 2)) / gain
        points = (points * np.float32(SIDE) - np.tile(shift, 5)) / gain
        limits = np.array([width, height], dtype=np.float32)
        boxes = np.clip(boxes, 0, np.tile(limits, 2))
        points = np.clip(points, 0, np.tile(limits, 5))
    with watch("suppression"):
        above = np.where(scores[:, 1] > SCORE_LIMIT)[0]
        order = above[np.argsort(-scores[above, 1], kind="stable")]
        rows = np.hstack((boxes[order], scores[order, 1][:, None], points[order]))
        rows = rows[suppress(rows)]
    return [
        f"{int(x1)} {int(y1)} {int(x2) - int(x1)} {int(y2) - int(y1)} {score!s} "
        for x1, y1, x2, y2, score in rows[:, :5]
    ]


def suppress(rows: np.ndarray) -> list[int]:
    """Suppress greedily in rows that are sorted by falling score."""
    x1, y1, x2, y2 = rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    order, kept = np.arange(len(rows)), []
    while order.size > 0:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.maximum(0, np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]) + 1)
        height = np.maximum(0, np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]) + 1)
        shared = width * height
        order = rest[shared / (areas[best] + areas[rest] - shared) <= OVERLAP_LIMIT]
    return kept


def write(path: Path, lines: Sequence[str]) -> None:
    """Write one image's file in the official format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([path.stem, str(len(lines)), *lines]) + "\n")


def read(folder: Path, names: Sequence[str]) -> dict[str, Predictions]:
    """Read the files again."""
    return {
        name: parse_predictions((folder / f"{name}.txt").read_text(), name).predictions
        for name in names
    }


def evaluate(found: Mapping[str, Predictions], truth: GroundTruth) -> dict[str, float]:
    """Compute AP of each difficulty as a fraction, prediction by prediction."""
    scores = np.concatenate([p.scores for p in found.values()])
    low, high = scores.min(), scores.max()
    result = {}
    for split, name in enumerate(SPLITS):
        n_faces = 0
        curve = np.zeros((N_THRESHOLDS, 2))
        for image, faces, counted in zip(
            truth.images, truth.faces_xywh, truth.counted, strict=True
        ):
            n_faces += int(counted[:, split].sum())
            predictions = found[image]
            if len(faces) == 0 or len(predictions.scores) == 0:
                continue
            order = np.argsort(-predictions.scores, kind="stable")
            normalised = (predictions.scores[order] - low) / (high - low)
            hits, proposals = match(predictions.boxes_xywh[order], faces, counted[:, split])
            curve += count(normalised, hits, proposals)
        result[name] = average_precision(curve, n_faces)
    return result


def match(
    boxes: np.ndarray, faces: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the faces found after each prediction, and tell whether it counts as a proposal."""
    hits, proposals = np.zeros(len(boxes)), np.ones(len(boxes))
    state = np.zeros(len(faces))  # 1 found, -1 found and ignored
    corners = faces[:, :2] + faces[:, 2:]
    areas = (faces[:, 2] + 1) * (faces[:, 3] + 1)
    for i, (x, y, w, h) in enumerate(boxes):
        width = np.minimum(x + w, corners[:, 0]) - np.maximum(x, faces[:, 0]) + 1
        height = np.minimum(y + h, corners[:, 1]) - np.maximum(y, faces[:, 1]) + 1
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        overlap = shared / ((w + 1) * (h + 1) + areas - shared)
        best = int(overlap.argmax())
        if overlap[best] >= MATCH_OVERLAP:
            if not counted[best]:
                state[best], proposals[i] = -1, 0
            elif state[best] == 0:
                state[best] = 1
        hits[i] = (state == 1).sum()
    return hits, proposals


def count(scores: np.ndarray, hits: np.ndarray, proposals: np.ndarray) -> np.ndarray:
    """Count proposals and found faces at each threshold, (1000, 2)."""
    result = np.zeros((N_THRESHOLDS, 2))
    for t in range(N_THRESHOLDS):
        above = np.where(scores >= 1 - (t + 1) / N_THRESHOLDS)[0]
        if len(above) > 0:
            last = above[-1]
            result[t] = proposals[: last + 1].sum(), hits[last]
    return result


def average_precision(curve: np.ndarray, n_faces: int) -> float:
    """Compute the area under the envelope of precision over recall."""
    n_proposals, n_hits = curve.T
    precision = np.divide(n_hits, n_proposals, out=np.zeros(len(curve)), where=n_proposals > 0)
    recall = np.concatenate(([0.0], n_hits / n_faces if n_faces else n_hits * 0, [1.0]))
    precision = np.concatenate(([0.0], precision, [0.0]))
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    steps = np.where(recall[1:] != recall[:-1])[0]
    return float(((recall[steps + 1] - recall[steps]) * precision[steps + 1]).sum())
