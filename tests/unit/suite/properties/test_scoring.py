import numpy as np
import pytest

from retinaface.suite.properties.scoring import ap_slow, official_lines_slow

FACES = np.array([[0.0, 0, 20, 20], [100.0, 0, 20, 20]])
FAR = (500.0, 500, 10, 10)


def ap(boxes, scores, counted=(True, True)):
    image = {"boxes": np.array(boxes), "scores": np.array(scores), "faces": FACES}
    return ap_slow([image | {"counted": np.array(counted)}])


def test_perfect_detections_have_an_ap_of_1():
    assert ap(FACES, [0.9, 0.5]) == pytest.approx(1)


def test_half_of_the_faces_is_half_of_the_area():
    assert ap([FACES[0], FAR], [0.9, 0.1]) == pytest.approx(0.5)


def test_a_range_of_scores_without_width_counts_nothing():
    assert ap(FACES[:1], [0.9]) == 0


def test_a_false_positive_between_two_hits_lowers_the_precision_of_the_second():
    assert ap([FACES[0], FAR, FACES[1]], [0.9, 0.7, 0.5]) == pytest.approx(1 / 2 + 1 / 3)


def test_a_hit_on_an_ignored_face_is_neither_right_nor_wrong():
    assert ap(FACES, [0.5, 0.9], counted=(True, False)) == pytest.approx(1)


def test_lines_truncate_corners_before_they_are_subtracted():
    boxes = np.float32([[1.9, 2.1, 5.2, 8.9]])
    assert official_lines_slow(boxes, np.float32([0.1])) == ["1 2 4 6 0.1"]
