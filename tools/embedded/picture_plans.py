"""Plan the 67 pictures, with shapes and sizes as varied as those of WIDER FACE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.embedded.faces import Face
from tools.embedded.pictures import Plan

FIRST_SEED = 14_000
# Height and width in pixels; a recipe of 320 px enlarges some and shrinks others.
_SHAPES = (
    (360, 480),
    (480, 360),
    (300, 400),
    (270, 480),
    (340, 512),
    (512, 340),
    (320, 320),
    (240, 320),
    (427, 640),
)
# A face counts from this height on, in pixels of a picture with a longer side of 320. A face that
# is hard to find (blur, cover, turn) counts as smaller.
EASY_PX, MEDIUM_PX, HARD_PX = 8.0, 4.5, 1.8
_BLUR_FACTOR, _COVER_FACTOR, _TURN_FACTOR = 0.5, 0.5, 0.5
_HIDING = ("sunglasses", "mask", "hand")
_MUCH_TURNED = 0.6


@dataclass(frozen=True)
class NamedPlan:
    """A picture of the set: `<event>/<name>`, its plan, its seed, the quality of its JPEG."""

    event: str
    name: str
    plan: Plan
    seed: int
    quality: int


def picture_plans() -> list[NamedPlan]:
    """List all plans, in the order of the list file."""
    plans = []
    for number, (event, members) in enumerate(_EVENTS.items()):
        for i, plan in enumerate(members()):
            name = f"{number}_{event}_{number}_{i + 1}"
            quality = 88 if plan.long_side_px < 200 else 62 if plan.long_side_px > 600 else 74
            seed = FIRST_SEED + 100 * number + i
            plans.append(NamedPlan(f"{number}--{event}", name, plan, seed, quality))
    return plans


def _portraits() -> Iterator[Plan]:
    for i, (height, width) in enumerate(
        ((480, 360), (683, 512), (240, 320), (48, 36), (96, 96), (320, 240), (150, 200), (400, 300),
         (768, 1024))
    ):  # fmt: skip
        low = 0.25 if i % 2 else 0.4
        yield Plan(height, width, 1, (low, low + 0.25), n_lookalikes=1 + i % 3, grey=i in (2, 5),
                   covered=0.4, noise=2.0 if i == 8 else 3.0)  # fmt: skip


def _groups() -> Iterator[Plan]:
    for i in range(16):
        height, width = _SHAPES[i % len(_SHAPES)]
        yield Plan(height, width, 9 + i % 9, (0.028, 0.13), n_lookalikes=1 + i % 3, grey=i == 11)


def _streets() -> Iterator[Plan]:
    for i in range(14):
        height, width = _SHAPES[(2 * i + 1) % len(_SHAPES)]
        yield Plan(height, width, 10 + 2 * (i % 8), (0.01, 0.05), n_lookalikes=2, grey=i == 6,
                   turned=0.6)  # fmt: skip


def _crowds() -> Iterator[Plan]:
    counts = (80, 95, 110, 120, 130, 90, 105, 140)
    for i, n_faces in enumerate(counts):
        height, width = ((360, 480), (427, 640), (340, 512), (480, 480))[i % 4]
        yield Plan(height, width, n_faces, (0.0055, 0.022), n_lookalikes=2, turned=0.4)


def _blurred() -> Iterator[Plan]:
    for i in range(6):
        height, width = _SHAPES[(3 * i) % len(_SHAPES)]
        yield Plan(height, width, 8 + 2 * i, (0.02, 0.12), blurred=0.7, blur_px=0.4 + 0.2 * i)


def _costumes() -> Iterator[Plan]:
    for i in range(6):
        height, width = _SHAPES[(5 * i + 2) % len(_SHAPES)]
        yield Plan(height, width, 7 + i, (0.035, 0.16), n_lookalikes=4, turned=0.9, covered=1.0)


def _empty() -> Iterator[Plan]:
    for height, width in ((300, 400), (400, 300), (240, 320), (360, 480)):
        yield Plan(height, width, 0, (0.06, 0.3), n_lookalikes=9)


def _panoramas() -> Iterator[Plan]:
    for height, width in ((110, 640), (640, 120), (180, 720), (500, 140)):
        yield Plan(height, width, 9, (0.015, 0.06), n_lookalikes=4)


_EVENTS = {
    "Portrait": _portraits,
    "Group": _groups,
    "Street": _streets,
    "Crowd": _crowds,
    "Blurred": _blurred,
    "Costume": _costumes,
    "Empty": _empty,
    "Panorama": _panoramas,
}


def difficulty(face: Face, height_px: float, plan: Plan) -> int:
    """Count the lists hard, medium, easy that contain a face: 0 (ignored) to 3.

    Args:
        height_px: Height of the face's box inside the picture.
    """
    effective = height_px * 320 / plan.long_side_px
    if face.blur_px > 0 or plan.blur_px > 0.7:
        effective *= _BLUR_FACTOR
    if face.cover in _HIDING:
        effective *= _COVER_FACTOR
    if max(abs(face.roll), abs(face.yaw)) > _MUCH_TURNED:
        effective *= _TURN_FACTOR
    return sum(effective >= limit for limit in (HARD_PX, MEDIUM_PX, EASY_PX))
