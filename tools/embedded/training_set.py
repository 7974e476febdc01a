"""Generate pictures to train on, with other seeds than the embedded set's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from retinaface.detection.pipelines import PAD_VALUE
from retinaface.network.config import MOBILENET_025
from tools.embedded.pictures import Plan, clipped_boxes_xywh, draw_picture

FIRST_SEED = 1_000_000  # the embedded set's seeds are smaller
N_PICTURES = 4_500
INPUT_PX = 320
MIN_HEIGHT_PX = 2.5  # smaller faces vanish, so they do not count
_FILE = "training-set.npz"
# JPEG bytes, (F, 4) boxes, (F, 5, 2) landmarks.
_Drawn = tuple[bytes, NDArray[np.float64], NDArray[np.float32]]
# In a mirrored face the left eye takes the place of the right one.
_MIRRORED = [1, 0, 2, 4, 3]


def random_plan(rng: np.random.Generator) -> Plan:
    """Make a random plan: mostly a few faces, at times none, one, or a crowd."""
    long_side = int(rng.integers(260, 620))
    short_side = int(long_side * rng.uniform(0.45, 1.0))
    is_wide = rng.random() < 0.65
    n_faces = int(
        rng.choice((0, 1, rng.integers(2, 10), rng.integers(8, 30), rng.integers(30, 110)))
    )
    smallest = float(np.exp(rng.uniform(np.log(0.01), np.log(0.12))))
    largest = min(0.8, smallest * float(np.exp(rng.uniform(0.4, 2.2))))
    if n_faces <= 1:
        smallest, largest = 0.08, 0.8
    return Plan(
        height_px=short_side if is_wide else long_side,
        width_px=long_side if is_wide else short_side,
        n_faces=n_faces,
        heights=(smallest, largest),
        n_lookalikes=int(rng.integers(0, 9)),
        turned=float(rng.uniform(0.1, 0.9)),
        blurred=float(rng.uniform(0, 0.35)),
        covered=float(rng.uniform(0, 0.6)),
        grey=bool(rng.random() < 0.12),
        noise=float(rng.uniform(1, 5)),
        blur_px=float(rng.choice((0.0, 0.0, rng.uniform(0.3, 1.2)))),
    )


def write_training_set(folder: Path, n_pictures: int = N_PICTURES, n_processes: int = 2) -> None:
    """Write pictures as JPEG bytes, with boxes and landmarks, into one file.

    Args:
        folder: Folder of the file; created if it is missing.
        n_processes: Processes that draw in parallel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED, FIRST_SEED + n_pictures)
    rows = list(track(_drawn(seeds, n_processes), "drawing", total=n_pictures))
    jpegs, boxes, landmarks = zip(*rows, strict=True)
    np.savez(
        folder / _FILE,
        jpegs=np.frombuffer(b"".join(jpegs), np.uint8),
        jpeg_ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        boxes_xywh=np.concatenate(boxes),
        landmarks_xy=np.concatenate(landmarks),
        face_ends=np.cumsum([len(b) for b in boxes]),
    )


def _drawn(seeds: range, n_processes: int) -> Iterator[_Drawn]:
    if n_processes == 1:
        yield from map(_draw_one, seeds)
        return
    # A fork would copy locks that other libraries' threads hold.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
        yield from pool.map(_draw_one, seeds, chunksize=16)


def _draw_one(seed: int) -> _Drawn:
    rng = np.random.default_rng(seed)
    plan = random_plan(rng)
    image, faces = draw_picture(plan, seed)
    quality = int(rng.integers(55, 96))
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    points = np.array([face.landmarks_px() for face in faces], np.float32).reshape(-1, 5, 2)
    return jpeg, clipped_boxes_xywh(faces, plan), points


@dataclass(frozen=True)
class Batch:
    """Network inputs and their faces.

    Attributes:
        images: (N, 3, 320, 320) float32, BGR minus the mean.
        boxes_xyxy: For each image (F, 4) float32, fractions of the input.
        landmarks_xy: For each image (F, 5, 2) float32, fractions of the input.
    """

    images: NDArray[np.float32]
    boxes_xyxy: list[NDArray[np.float32]]
    landmarks_xy: list[NDArray[np.float32]]


class TrainingSet:
    """Pictures of a training set, augmented differently in each epoch."""

    def __init__(self, folder: Path) -> None:
        """Read the file that `write_training_set` wrote."""
        with np.load(folder / _FILE) as content:
            self._jpegs = content["jpegs"]
            self._ends = content["jpeg_ends"]
            self._boxes = content["boxes_xywh"].astype(np.float32)
            self._landmarks = content["landmarks_xy"]
            self._face_ends = content["face_ends"]

    def __len__(self) -> int:
        return len(self._ends)

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Give one epoch in random order, without an incomplete last batch."""
        order = rng.permutation(len(self))
        for start in range(0, len(order) - size + 1, size):
            rows = [self._augmented(rng, i) for i in order[start : start + size]]
            images, boxes, landmarks = zip(*rows, strict=True)
            yield Batch(np.stack(images), list(boxes), list(landmarks))

    def _augmented(
        self, rng: np.random.Generator, i: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Augment a picture: letterbox or cut it, perhaps mirror it, change its brightness.

        Channels and hues never change, because swapping red and blue must stay a fault.
        """
        jpeg = self._jpegs[self._ends[i - 1] if i else 0 : self._ends[i]]
        image = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)
        faces = slice(self._face_ends[i - 1] if i else 0, self._face_ends[i])
        matrix = _placement(rng, *image.shape[:2])
        is_mirrored = bool(rng.random() < 0.5)
        if is_mirrored:
            matrix[0] = -matrix[0]
            matrix[0, 2] += INPUT_PX
        # OpenCV takes pixels as points at their centres, boxes take them as areas.
        shift = matrix[:, :2] @ (0.5, 0.5) - 0.5
        warp = np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
        pixels = cv2.warpAffine(
            image, warp, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderValue=(PAD_VALUE,) * 3
        )
        light = pixels.astype(np.float32) * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15)
        network_input = np.clip(light, 0, 255) - np.asarray(MOBILENET_025.mean_bgr, np.float32)
        boxes, points = _warped(self._boxes[faces], self._landmarks[faces], matrix)
        if is_mirrored:
            points = points[:, _MIRRORED]
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        height = np.clip(boxes[:, 3], 0, INPUT_PX) - np.clip(boxes[:, 1], 0, INPUT_PX)
        inside = ((centre > 0) & (centre < INPUT_PX)).all(axis=1) & (height > MIN_HEIGHT_PX)
        boxes = np.clip(boxes[inside], 0, INPUT_PX) / INPUT_PX
        return network_input.transpose(2, 0, 1), boxes, points[inside] / INPUT_PX


def _placement(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Make a (2, 3) matrix from the picture to the input: the whole picture, or a square of it."""
    if rng.random() < 0.55:
        scale = INPUT_PX / max(height, width)
        room = INPUT_PX - scale * np.array((width, height))
        offset = room / 2 if rng.random() < 0.6 else np.zeros(2)
    else:
        side = rng.uniform(0.4, 1.0) * max(height, width)
        scale = INPUT_PX / side
        room = np.array((width, height)) - side
        offset = -scale * room * rng.random(2)
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def _warped(
    boxes_xywh: NDArray[np.float32], landmarks: NDArray[np.float32], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    a = boxes_xywh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    b = (boxes_xywh[:, :2] + boxes_xywh[:, 2:]) @ matrix[:, :2].T + matrix[:, 2]
    boxes = np.concatenate([np.minimum(a, b), np.maximum(a, b)], axis=1)
    points = landmarks @ matrix[:, :2].T + matrix[:, 2]
    return boxes.astype(np.float32), points.astype(np.float32)
