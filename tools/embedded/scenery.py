"""Draw the surroundings of faces: shading, shapes, texture, lookalikes."""

from __future__ import annotations

import cv2
import numpy as np

from tools.embedded.faces import SKIN_TONES, Image


def background(rng: np.random.Generator, height: int, width: int) -> Image:
    """Draw shading with shapes: walls, furniture, foliage, only as colours and edges."""
    shading = cv2.resize(
        rng.uniform(25, 230, (3, 4, 3)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    grey = shading.mean(axis=2, keepdims=True)
    image = np.clip(grey + (shading - grey) * rng.uniform(0.2, 1.0), 0, 255).astype(np.uint8)
    image = np.ascontiguousarray(image)
    for _ in range(int(rng.integers(6, 26))):
        colour = tuple(float(c) for c in np.clip(rng.normal(rng.uniform(40, 210), 45, 3), 0, 255))
        centre = rng.uniform((0, 0), (width, height))
        side = rng.uniform(0.03, 0.3) * max(height, width)
        corners = _blob(rng, centre, side)
        cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 14))):
        a, b = (tuple(int(v) for v in rng.uniform((0, 0), (width, height))) for _ in range(2))
        colour = tuple(float(c) for c in rng.uniform(0, 255, 3))
        cv2.line(
            image, a, b, colour, int(rng.integers(1, max(2, max(height, width) // 90))), cv2.LINE_AA
        )
    return image


def _blob(rng: np.random.Generator, centre: np.ndarray, side: float) -> np.ndarray:
    """Make the corners of a rectangle, a triangle, or something round."""
    n = int(rng.choice((3, 4, 4, 18)))
    angle = rng.uniform(0, 2 * np.pi) + np.arange(n) * 2 * np.pi / n
    if n == 4 and rng.random() < 0.7:
        angle = np.deg2rad([45, 135, 225, 315])
    stretch = rng.uniform(0.3, 1.0, 2)
    return np.asarray(centre + side * stretch * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def draw_lookalike(rng: np.random.Generator, image: Image, x: float, y: float, size: float) -> None:
    """Draw something round that is not a face: a ball, clock, animal, plate, lamp, fruit."""
    kind = rng.choice(("ball", "clock", "animal", "plate", "fruit"))
    c = (round(x), round(y))
    r = max(1, round(size / 2))
    tone = SKIN_TONES[rng.integers(len(SKIN_TONES))]
    bright = tuple(float(v) for v in rng.uniform(0, 255, 3))
    if kind == "ball":
        cv2.circle(image, c, r, bright, -1, cv2.LINE_AA)
        cv2.ellipse(
            image,
            c,
            (r, max(1, r // 3)),
            float(rng.uniform(0, 180)),
            0,
            360,
            (240, 240, 240),
            max(1, r // 5),
            cv2.LINE_AA,
        )
    elif kind == "clock":
        cv2.circle(image, c, r, (235, 235, 235), -1, cv2.LINE_AA)
        cv2.circle(image, c, r, (40, 40, 40), max(1, r // 8), cv2.LINE_AA)
        for angle in rng.uniform(0, 2 * np.pi, 2):
            tip = (round(x + 0.7 * r * np.cos(angle)), round(y + 0.7 * r * np.sin(angle)))
            cv2.line(image, c, tip, (20, 20, 20), max(1, r // 8), cv2.LINE_AA)
    elif kind == "animal":
        fur = tuple(
            float(v) for v in np.clip(np.array((90, 110, 130)) * rng.uniform(0.4, 1.6), 0, 255)
        )
        for side in (-1, 1):
            ear = np.array(
                [
                    (x + side * 0.9 * r, y - 1.3 * r),
                    (x + side * 0.2 * r, y - 0.7 * r),
                    (x + side * 0.95 * r, y - 0.2 * r),
                ]
            )
            cv2.fillPoly(image, [ear.astype(np.int32)], fur, cv2.LINE_AA)
        cv2.circle(image, c, r, fur, -1, cv2.LINE_AA)
        cv2.ellipse(
            image,
            (c[0], round(y + 0.4 * r)),
            (max(1, r // 2), max(1, r // 3)),
            0,
            0,
            360,
            (200, 205, 210),
            -1,
            cv2.LINE_AA,
        )
        for dx, dy in ((-0.45, -0.2), (0.45, -0.2), (0.0, 0.3)):
            cv2.circle(
                image,
                (round(x + dx * r), round(y + dy * r)),
                max(1, r // 7),
                (15, 15, 15),
                -1,
                cv2.LINE_AA,
            )
    elif kind == "plate":
        cv2.ellipse(
            image,
            c,
            (r, max(1, round(1.25 * r))),
            float(rng.uniform(-30, 30)),
            0,
            360,
            tone,
            -1,
            cv2.LINE_AA,
        )
    else:
        cv2.circle(image, c, r, (30, 130, 240), -1, cv2.LINE_AA)
        for angle in rng.uniform(0, 2 * np.pi, 3):
            spot = (round(x + 0.5 * r * np.cos(angle)), round(y + 0.5 * r * np.sin(angle)))
            cv2.circle(image, spot, max(1, r // 5), (20, 60, 120), -1, cv2.LINE_AA)


def finish(
    rng: np.random.Generator, image: Image, *, noise: float, blur_px: float, grey: bool
) -> Image:
    """Apply a camera: blur of the lens, texture and noise of the sensor, black and white film."""
    height, width = image.shape[:2]
    if blur_px > 0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur_px), dtype=np.uint8)
    coarse = rng.normal(0, 1.2 * noise, (height // 4 + 1, width // 4 + 1, 1)).astype(np.float32)
    texture = cv2.resize(coarse, (width, height))[..., None]
    sensor = rng.normal(0, 0.6 * noise, (height, width, 3))
    image = np.clip(image + texture + sensor, 0, 255).astype(np.uint8)
    if grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(
            np.uint8
        )
    return image
