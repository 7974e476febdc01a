"""The programs that made the pictures of the embedded set."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from retinaface.embedded import embedded_root
from retinaface.widerface.dataset import open_widerface
from tools.embedded.embedded_set import write_embedded_set
from tools.embedded.faces import Face, draw_face
from tools.embedded.picture_plans import (
    EASY_PX,
    FIRST_SEED,
    HARD_PX,
    MEDIUM_PX,
    difficulty,
    picture_plans,
)
from tools.embedded.pictures import Plan, clipped_boxes_xywh, draw_picture
from tools.embedded.training_set import FIRST_SEED as FIRST_TRAINING_SEED

PLAN = Plan(180, 240, 6, (0.1, 0.3), n_lookalikes=3)


def test_equal_seeds_give_equal_pictures_and_others_differ():
    image, faces = draw_picture(PLAN, 3)
    again, same = draw_picture(PLAN, 3)
    np.testing.assert_array_equal(image, again)
    assert faces == same
    assert not np.array_equal(image, draw_picture(PLAN, 4)[0])


def test_the_programs_make_the_shipped_set(tmp_path):
    """Ground truth is equal; pixels are equal up to the rounding of another OpenCV."""
    write_embedded_set(tmp_path)
    made, shipped = open_widerface(tmp_path), open_widerface(embedded_root())
    assert made.listed == shipped.listed
    assert made.truth.sha256 == shipped.truth.sha256
    for name in made.listed[::9]:
        images = [
            cv2.imdecode(np.frombuffer(d.read_bytes(name), np.uint8), cv2.IMREAD_COLOR)
            for d in (made, shipped)
        ]
        assert np.abs(np.subtract(*images, dtype=np.float64)).mean() < 2


def test_no_training_picture_is_in_the_set():
    seeds = [named.seed for named in picture_plans()]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= FIRST_SEED
    assert max(seeds) < FIRST_TRAINING_SEED


@pytest.mark.parametrize("roll", [-0.6, 0.0, 0.4])
def test_landmarks_lie_inside_the_box_in_the_order_of_the_format(roll):
    face = Face((100.0, 80.0), 60.0, roll=roll, yaw=0.3, pitch=-0.2)
    left, top, width, height = face.box_xywh()
    points = face.landmarks_px()
    assert ((points > (left, top)) & (points < (left + width, top + height))).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < max(left_mouth[1], right_mouth[1])


def test_a_head_fills_its_box():
    image = np.zeros((120, 160, 3), np.uint8)
    face = Face((80.0, 60.0), 50.0, seed=3)
    draw_face(image, face)
    left, top, width, height = (round(v) for v in face.box_xywh())
    assert (image[top + 2 : top + height - 2, left + width // 2] > 0).any(axis=-1).all()
    assert image[:5].max() == 0


def test_dolls_have_blue_skin_and_are_not_faces():
    doll = Face((50.0, 50.0), 60.0, seed=5, swaps_channels=True)
    assert not doll.is_face
    image, other = np.zeros((2, 100, 100, 3), np.uint8)
    draw_face(image, doll)
    draw_face(other, replace(doll, swaps_channels=False))
    blue, _green, red = image[40:60, 45:55].reshape(-1, 3).mean(axis=0)
    assert blue > red
    np.testing.assert_array_equal(image[40:60, 45:55, ::-1], other[40:60, 45:55])


def test_lookalikes_are_not_annotated():
    _, faces = draw_picture(replace(PLAN, n_faces=0, n_lookalikes=9), 1)
    assert faces == []
    assert clipped_boxes_xywh(faces, PLAN).shape == (0, 4)


def test_a_face_is_harder_when_it_is_small_blurred_covered_or_turned():
    face = Face((0.0, 0.0), 10.0)
    plan = Plan(240, 320, 1, (0.1, 0.2))
    limits = (HARD_PX, MEDIUM_PX, EASY_PX)
    heights = [0.9 * HARD_PX, *(1.1 * limit for limit in limits)]
    assert [difficulty(face, height, plan) for height in heights] == [0, 1, 2, 3]
    clear = difficulty(face, heights[-1], plan)
    for worse in ({"blur_px": 1.0}, {"cover": "mask"}, {"roll": 0.9}):
        assert difficulty(replace(face, **worse), heights[-1], plan) < clear
