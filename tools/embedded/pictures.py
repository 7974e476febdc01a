"""Compose a picture of faces, and give their places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.embedded.faces import COVERS, HEAD_Y, Face, Image, draw_face
from tools.embedded.scenery import background, draw_lookalike, finish


@dataclass(frozen=True)
class Plan:
    """The content of a picture.

    Attributes:
        n_faces: Wanted number of faces; fewer appear if there is no room.
        heights: Smallest and largest height of a head, as shares of the picture's longer side.
        n_lookalikes: Dolls, blank heads, balls, clocks, animals.
        turned: Largest tilt and turn of a head, in radians.
        blurred: Share of faces that are blurred.
        covered: Share of faces that something covers.
        grey: Whether the picture is black and white.
        noise: Standard deviation of the sensor's noise, in grey levels.
        blur_px: Blur of the lens.
    """

    height_px: int
    width_px: int
    n_faces: int
    heights: tuple[float, float]
    n_lookalikes: int = 4
    turned: float = 0.5
    blurred: float = 0.15
    covered: float = 0.3
    grey: bool = False
    noise: float = 3.0
    blur_px: float = 0.0

    @property
    def long_side_px(self) -> int:
        """Give the longer side."""
        return max(self.height_px, self.width_px)


def draw_picture(plan: Plan, seed: int) -> tuple[Image, list[Face]]:
    """Draw a picture.

    Args:
        seed: Pictures with different seeds differ in everything.

    Returns:
        (H, W, 3) uint8 BGR, and its faces without those behind others; the same on every machine,
        up to rounding inside OpenCV.
    """
    rng = np.random.default_rng(seed)
    image = background(rng, plan.height_px, plan.width_px)
    heads = _heads(plan, rng)
    for i in np.argsort([head.width_px for head in heads]):  # near heads hide far ones
        head = heads[i]
        if head.hides_features and rng.random() < 0.6:
            draw_lookalike(rng, image, *head.centre_px, head.width_px)
        else:
            draw_face(image, head)
    image = finish(rng, image, noise=plan.noise, blur_px=plan.blur_px, grey=plan.grey)
    return image, [head for head in heads if head.is_face]


def _heads(plan: Plan, rng: np.random.Generator) -> list[Face]:
    """Place faces and lookalikes, which overlap at most a little."""
    low, high = np.log(np.asarray(plan.heights) * plan.long_side_px)
    placed: list[Face] = []
    kinds = [True] * plan.n_faces + [False] * plan.n_lookalikes
    for is_face in kinds:
        for _ in range(30):
            head = _head(plan, rng, float(np.exp(rng.uniform(low, high))), is_face)
            if all(_overlap(head, other) < 0.12 for other in placed):
                placed.append(head)
                break
    return placed


def _head(plan: Plan, rng: np.random.Generator, height_px: float, is_face: bool) -> Face:
    width_px = height_px / HEAD_Y
    # Some reach over the edge of the picture.
    margin = 0.35 * np.array((width_px, height_px))
    size = np.array((plan.width_px, plan.height_px))
    centre = rng.uniform(np.minimum(margin, size / 2), np.maximum(size - margin, size / 2))
    is_blank = not is_face and (plan.grey or bool(rng.random() < 0.5))
    return Face(
        centre_px=(float(centre[0]), float(centre[1])),
        width_px=width_px,
        roll=float(rng.normal(0, 0.45) * plan.turned),
        yaw=float(rng.uniform(-1.6, 1.6) * plan.turned),
        pitch=float(rng.uniform(-0.7, 0.7) * plan.turned),
        seed=int(rng.integers(2**31)),
        cover=str(rng.choice(COVERS[1:])) if rng.random() < plan.covered else "none",
        blur_px=float(width_px * rng.uniform(0.02, 0.07)) if rng.random() < plan.blurred else 0.0,
        swaps_channels=not is_face and not is_blank,
        hides_features=is_blank,
    )


def _overlap(a: Face, b: Face) -> float:
    """Compute the shared area of two boxes as a share of the smaller one."""
    ax, ay, aw, ah = a.box_xywh()
    bx, by, bw, bh = b.box_xywh()
    w = min(ax + aw, bx + bw) - max(ax, bx)
    h = min(ay + ah, by + bh) - max(ay, by)
    return max(0.0, w) * max(0.0, h) / min(aw * ah, bw * bh)


def clipped_boxes_xywh(faces: list[Face], plan: Plan) -> NDArray[np.float64]:
    """Clip the boxes of faces to the picture; (F, 4), pixels."""
    boxes = np.array([face.box_xywh() for face in faces], np.float64).reshape(-1, 4)
    low = np.clip(boxes[:, :2], 0, None)
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], (plan.width_px, plan.height_px))
    return np.concatenate([low, np.maximum(high - low, 0)], axis=1)
