"""Draw a face as polygons: a head on a cylinder, turned and tilted, perhaps covered."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Image = NDArray[np.uint8]
Colour = tuple[float, float, float]  # BGR, 0 to 255

# Half axes of the head in face units; the unit is half the width of a head seen from the front.
HEAD_X, HEAD_Y = 1.0, 1.28
# Eyes, nose, corners of the mouth, from the viewer's side: (x, y) in face units.
LANDMARKS = np.array(
    [(-0.40, -0.22), (0.40, -0.22), (0.0, 0.24), (-0.30, 0.66), (0.30, 0.66)], np.float32
)
SKIN_TONES: tuple[Colour, ...] = (
    (178, 200, 240),
    (150, 178, 226),
    (122, 155, 210),
    (96, 128, 186),
    (70, 98, 152),
    (52, 74, 118),
)
HAIR_TONES: tuple[Colour, ...] = (
    (24, 24, 30),
    (34, 48, 74),
    (60, 90, 130),
    (120, 180, 214),
    (170, 170, 176),
)
COVERS = ("none", "glasses", "sunglasses", "mask", "cap", "hand", "beard")
_SHIFT = 4  # fractional bits of a pixel for OpenCV's drawing


@dataclass(frozen=True)
class Face:
    """One face of a picture, before it is drawn.

    Attributes:
        centre_px: x, y of the middle of the head.
        width_px: Width of the head seen from the front, before it is turned.
        roll: Radians, clockwise in the picture.
        yaw: Radians, to the right in the picture.
        pitch: Radians, down in the picture.
        seed: Seed of colours and proportions.
        cover: The object over it: one of `COVERS`.
        blur_px: Standard deviation of a blur, in pixels of the picture.
        swaps_channels: Whether red and blue of skin, hair and lips are swapped: a doll, not a face.
        hides_features: Whether eyes, nose and mouth are missing: not a face.
    """

    centre_px: tuple[float, float]
    width_px: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    seed: int = 0
    cover: str = "none"
    blur_px: float = 0.0
    swaps_channels: bool = False
    hides_features: bool = False

    @property
    def is_face(self) -> bool:
        """Tell whether a detector should find it."""
        return not (self.swaps_channels or self.hides_features)

    def box_xywh(self) -> tuple[float, float, float, float]:
        """Compute left, top, width, height of the tilted head, in pixels."""
        a, b = HEAD_X * self._narrowing * self.width_px / 2, HEAD_Y * self.width_px / 2
        half_w = float(np.hypot(a * np.cos(self.roll), b * np.sin(self.roll)))
        half_h = float(np.hypot(a * np.sin(self.roll), b * np.cos(self.roll)))
        x, y = self.centre_px
        return x - half_w, y - half_h, 2 * half_w, 2 * half_h

    def landmarks_px(self) -> FloatArray:
        """Compute eyes, nose, corners of the mouth, (5, 2) float32."""
        return self.to_picture(self.project(LANDMARKS))

    @property
    def _narrowing(self) -> float:
        """Compute how much narrower a turned head looks."""
        return 1 - 0.18 * abs(float(np.sin(self.yaw)))

    def project(self, points: FloatArray) -> FloatArray:
        """Turn (N, 2) points on the front of the head as on a cylinder; face units."""
        angle = np.arcsin(np.clip(points[:, 0], -0.98, 0.98)) + self.yaw
        x = np.sin(np.clip(angle, -np.pi / 2, np.pi / 2)) * self._narrowing
        height = np.sqrt(np.maximum(0.0, 1 - (points[:, 1] / HEAD_Y) ** 2))
        y = points[:, 1] + 0.55 * np.sin(self.pitch) * height
        return np.stack([x, y], axis=1).astype(np.float32)

    def to_picture(self, points: FloatArray) -> FloatArray:
        """Turn face units into pixels of the picture: scale, tilt, place."""
        c, s = np.cos(self.roll), np.sin(self.roll)
        turned = points @ np.array([[c, s], [-s, c]], np.float32)
        return np.asarray(
            turned * (self.width_px / 2) + np.asarray(self.centre_px), dtype=np.float32
        )


@dataclass
class _Canvas:
    """An enlarged patch of the picture, with the alpha of the drawing."""

    face: Face
    origin: tuple[int, int]
    scale: float
    colour: Image
    alpha: NDArray[np.uint8] = field(repr=False)

    def polygon(self, points: FloatArray, colour: Colour) -> None:
        """Fill a polygon given in face units, already turned."""
        corners = (self.face.to_picture(points) - np.asarray(self.origin)) * self.scale
        fixed = np.round(corners * (1 << _SHIFT)).astype(np.int32)[None]
        bgr = colour[::-1] if self.face.swaps_channels else colour
        cv2.fillPoly(self.colour, fixed, [float(v) for v in bgr], cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.alpha, fixed, 255, cv2.LINE_AA, _SHIFT)


def _ellipse(
    x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360
) -> FloatArray:
    angle = np.deg2rad(np.linspace(start, end, 28))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1).astype(np.float32)


def draw_face(image: Image, face: Face) -> None:
    """Draw a face, or a lookalike, into a picture.

    Args:
        image: (H, W, 3) uint8 BGR; changed in place. Parts outside are cut off.
    """
    reach = 1.75 * face.width_px / 2 * HEAD_Y + 2
    x, y = face.centre_px
    left, top = int(max(0, x - reach)), int(max(0, y - reach))
    right = int(min(image.shape[1], x + reach + 1))
    bottom = int(min(image.shape[0], y + reach + 1))
    if right <= left or bottom <= top:
        return
    patch = image[top:bottom, left:right]
    scale = float(np.clip(72 / face.width_px, 1, 6))  # small faces are drawn large, then reduced
    size = (max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale)))
    large = cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)
    canvas = _Canvas(
        face, (left, top), scale, np.ascontiguousarray(large), np.zeros(size[::-1], np.uint8)
    )
    _draw_parts(canvas)
    colour = canvas.colour.astype(np.float32)
    alpha = canvas.alpha.astype(np.float32) / 255
    light = _lighting(canvas)
    colour = np.clip(colour * (1 + (light - 1) * alpha)[..., None], 0, 255)
    shape = (patch.shape[1], patch.shape[0])
    small = cv2.resize(colour, shape, interpolation=cv2.INTER_AREA)
    if face.blur_px > 0:
        small = cv2.GaussianBlur(small, (0, 0), face.blur_px)
        mask = cv2.resize(alpha, shape, interpolation=cv2.INTER_AREA)
        mask = cv2.GaussianBlur(mask, (0, 0), face.blur_px)
        mask = np.clip(mask * 3, 0, 1)[..., None]
        small = small * mask + patch * (1 - mask)
    patch[:] = np.round(small).astype(np.uint8)


def _lighting(canvas: _Canvas) -> FloatArray:
    """Compute the brightness over the patch, from one side of the head to the other."""
    rng = np.random.default_rng(canvas.face.seed + 1)
    strength, angle = rng.uniform(0, 0.35), rng.uniform(0, 2 * np.pi)
    level = rng.uniform(0.72, 1.12)
    h, w = canvas.alpha.shape
    x = (np.arange(w, dtype=np.float32) / canvas.scale + canvas.origin[0]) - canvas.face.centre_px[
        0
    ]
    y = (np.arange(h, dtype=np.float32) / canvas.scale + canvas.origin[1]) - canvas.face.centre_px[
        1
    ]
    along = (np.cos(angle) * x[None, :] + np.sin(angle) * y[:, None]) / (canvas.face.width_px / 2)
    return np.asarray(level + strength * np.clip(along, -1.2, 1.2), dtype=np.float32)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple(x * (1 - share) + y * share for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _draw_parts(canvas: _Canvas) -> None:
    face = canvas.face
    rng = np.random.default_rng(face.seed)
    skin = SKIN_TONES[rng.integers(len(SKIN_TONES))]
    skin = tuple(
        float(np.clip(v + d, 20, 250)) for v, d in zip(skin, rng.normal(0, 7, 3), strict=True)
    )  # type: ignore[assignment]
    hair = HAIR_TONES[rng.integers(len(HAIR_TONES))]
    cloth: Colour = tuple(rng.uniform(20, 230, 3))  # type: ignore[assignment]
    if rng.random() < 0.75:  # neck and shoulders, as people have them
        canvas.polygon(
            np.array([(-0.45, 0.9), (0.45, 0.9), (0.5, 1.75), (-0.5, 1.75)], np.float32),
            _mix(skin, (0, 0, 0), 0.25),
        )
        canvas.polygon(
            np.array(
                [(-0.5, 1.5), (0.5, 1.5), (1.5, 1.95), (1.6, 2.3), (-1.6, 2.3), (-1.5, 1.95)],
                np.float32,
            ),
            cloth,
        )
    narrow = face._narrowing
    long_hair = rng.random() < 0.4
    canvas.polygon(_ellipse(0, -0.12, 1.14 * narrow, 1.36), hair)
    if long_hair:
        canvas.polygon(
            np.array(
                [(-1.14, -0.2), (1.14, -0.2), (1.2, 1.5), (0.6, 1.6), (-0.6, 1.6), (-1.2, 1.5)],
                np.float32,
            ),
            hair,
        )
    for side in (-1, 1):
        ear = face.project(np.array([(0.97 * side, 0.05)], np.float32))[0]
        canvas.polygon(_ellipse(ear[0] * 1.02, ear[1], 0.13, 0.26), _mix(skin, (0, 0, 60), 0.15))
    canvas.polygon(_ellipse(0, 0.0, HEAD_X * narrow, HEAD_Y), skin)
    fringe = rng.uniform(-0.95, -0.6)
    top = _ellipse(0, 0, HEAD_X * narrow * 1.03, HEAD_Y * 1.03, 200, 340)
    top[0, 1] = top[-1, 1] = fringe + rng.uniform(-0.1, 0.2)
    canvas.polygon(np.concatenate([top, [[0.0, fringe]]]).astype(np.float32), hair)
    if not face.hides_features:
        _draw_features(canvas, rng, skin, hair)
    _draw_cover(canvas, rng, skin, hair, cloth)


def _draw_features(canvas: _Canvas, rng: np.random.Generator, skin: Colour, hair: Colour) -> None:
    face = canvas.face
    dark = _mix(skin, (10, 10, 20), 0.45)
    opened = rng.uniform(0.5, 1.0)
    for x in (LANDMARKS[0, 0], LANDMARKS[1, 0]):
        socket = face.project(_ellipse(x, -0.24, 0.25, 0.17))
        canvas.polygon(socket, _mix(skin, (10, 10, 20), 0.22))
        canvas.polygon(face.project(_ellipse(x, -0.22, 0.19, 0.10 * opened)), (225, 228, 230))
        iris = face.project(_ellipse(x, -0.22, 0.085, 0.095 * opened))
        canvas.polygon(iris, (30, 30, 30))
        brow = rng.uniform(-0.03, 0.03)
        canvas.polygon(
            face.project(
                np.array(
                    [
                        (x - 0.24, -0.44 + brow),
                        (x + 0.24, -0.44 - brow),
                        (x + 0.22, -0.52),
                        (x - 0.22, -0.52),
                    ],
                    np.float32,
                )
            ),
            _mix(hair, (20, 20, 20), 0.5),
        )
    canvas.polygon(
        face.project(
            np.array(
                [(-0.05, -0.2), (0.05, -0.2), (0.17, 0.28), (0.0, 0.34), (-0.17, 0.28)], np.float32
            )
        ),
        _mix(skin, (10, 10, 20), 0.13),
    )
    canvas.polygon(face.project(_ellipse(0, 0.30, 0.15, 0.06)), dark)
    smile = rng.uniform(0.03, 0.12)
    mouth = face.project(_ellipse(0, 0.66, 0.32, smile + 0.03))
    canvas.polygon(mouth, (85, 75, 165) if rng.random() < 0.6 else _mix(skin, (40, 30, 140), 0.4))
    if smile > 0.09:
        canvas.polygon(face.project(_ellipse(0, 0.65, 0.22, 0.04)), (235, 235, 235))


def _draw_cover(
    canvas: _Canvas, rng: np.random.Generator, skin: Colour, hair: Colour, cloth: Colour
) -> None:
    face = canvas.face

    def on_face(points: FloatArray, colour: Colour) -> None:
        canvas.polygon(face.project(points), colour)

    if face.cover in ("glasses", "sunglasses"):
        fill = (25, 25, 25)
        for x in (-0.42, 0.42):
            on_face(_ellipse(x, -0.2, 0.31, 0.24), fill)
            if face.cover == "glasses":
                on_face(_ellipse(x, -0.2, 0.25, 0.18), _mix(skin, (230, 230, 230), 0.3))
                on_face(_ellipse(x, -0.21, 0.08, 0.08), (30, 30, 30))
        on_face(
            np.array([(-0.15, -0.25), (0.15, -0.25), (0.15, -0.19), (-0.15, -0.19)], np.float32),
            fill,
        )
    elif face.cover == "mask":
        on_face(
            np.array(
                [(-0.85, 0.12), (0, 0.02), (0.85, 0.12), (0.75, 0.85), (0, 1.15), (-0.75, 0.85)],
                np.float32,
            ),
            _mix(cloth, (230, 220, 210), 0.6),
        )
    elif face.cover == "cap":
        canvas.polygon(_ellipse(0, -0.6, 1.1, 0.85, 180, 360), cloth)
        canvas.polygon(
            _ellipse(0.3 * float(np.sign(face.yaw) or 1), -0.6, 1.15, 0.16),
            _mix(cloth, (0, 0, 0), 0.4),
        )
    elif face.cover == "hand":
        side = -1 if rng.random() < 0.5 else 1
        canvas.polygon(_ellipse(0.6 * side, 0.55, 0.5, 0.62), _mix(skin, (0, 0, 0), 0.12))
        canvas.polygon(_ellipse(0.9 * side, 1.3, 0.34, 0.7), cloth)
    elif face.cover == "beard":
        beard = _ellipse(0, 0.35, 0.86, 0.92, 0, 180)
        on_face(beard, _mix(hair, (30, 30, 30), 0.3))
        on_face(_ellipse(0, 0.66, 0.26, 0.07), (85, 75, 165))
