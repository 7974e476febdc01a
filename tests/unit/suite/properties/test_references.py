"""The slow forms by hand: they are what the suites trust."""

import numpy as np
import pytest

from retinaface.suite.properties.references import (
    PRIOR_SIZES,
    STRIDES,
    VARIANCES,
    Face,
    candidates_slow,
    decode_box_slow,
    decode_points_slow,
    encode_box,
    encode_points,
    forward_slow,
    nms_slow,
    overlap_slow,
    placement_slow,
    preprocess_slow,
    prior_boxes_slow,
    suppress_slow,
    way_back_slow,
)

PRIOR = (0.5, 0.5, 0.2, 0.4)


def test_priors_go_by_level_row_column_and_size():
    priors = prior_boxes_slow(16, 32, STRIDES, PRIOR_SIZES) * [32, 16, 32, 16]
    assert len(priors) == 2 * (2 * 4 + 1 * 2 + 1 * 1)
    np.testing.assert_allclose(priors[[0, 1, 2, 8]], [
        [4, 4, 10, 10], [4, 4, 20, 20], [12, 4, 10, 10], [4, 12, 10, 10]
    ])  # fmt: skip


def test_no_offset_gives_the_prior_itself():
    np.testing.assert_allclose(decode_box_slow([0] * 4, PRIOR), [0.4, 0.3, 0.6, 0.7])
    points = decode_points_slow([0, 0, 1, -1], PRIOR)
    np.testing.assert_allclose(points, [(0.5, 0.5), (0.52, 0.46)])


def test_encoding_inverts_decoding():
    box = np.array([0.1, 0.2, 0.5, 0.9])
    loc = encode_box(box, np.array(PRIOR), VARIANCES)
    np.testing.assert_allclose(decode_box_slow(loc, PRIOR), box)
    points = np.array([[[0.1, 0.2], [0.8, 0.3]]])
    offsets = encode_points(points, np.array([PRIOR]))[0]
    np.testing.assert_allclose(decode_points_slow(offsets, PRIOR), points[0])


@pytest.mark.parametrize(
    ("b", "extra", "expected"),
    [((1, 0, 3, 2), 1.0, 6 / 12), ((1, 0, 3, 2), 0.0, 2 / 6), ((3, 0, 5, 2), 1.0, 0.0)],
)
def test_an_overlap_counts_the_extra_pixel(b, extra, expected):
    assert overlap_slow((0, 0, 2, 2), b, extra) == pytest.approx(expected)


def test_of_two_boxes_that_overlap_the_better_stays():
    boxes = np.array([(0, 0, 2, 2), (1, 0, 3, 2), (9, 9, 12, 12)])
    assert nms_slow(boxes, np.array([0.5, 0.9, 0.1]), 0.4) == [1, 2]
    assert nms_slow(boxes, np.array([0.5, 0.9, 0.1]), 0.5) == [1, 0, 2]
    faces = [Face(i, 0.9, tuple(map(float, box)), []) for i, box in enumerate(boxes)]
    assert suppress_slow(faces) == [faces[0], faces[2]]


def test_each_recipe_places_a_wide_image_as_published():
    assert placement_slow("ixrt", 213, 320)[1:] == (320, 213, 0, 0, 320, 320)
    assert placement_slow("igie", 213, 320)[1:] == (320, 213, 0, 53, 320, 320)
    assert placement_slow("upstream-640", 213, 320)[1:] == (640, 426, 0, 0, 640, 426)


def test_everything_around_the_image_is_padding():
    tensor = preprocess_slow("ixrt", np.full((100, 320, 3), 200, np.uint8))
    assert tensor.shape == (3, 320, 320)
    assert (tensor[0, :100] == 200 - 104).all()
    assert (tensor[0, 100:] == 114 - 104).all()


@pytest.mark.parametrize("name", ["ixrt", "igie", "upstream-320"])
def test_a_point_comes_back_where_nothing_is_truncated(name):
    x, y = forward_slow(name, 160, 320, 200.0, 50.0)
    place = placement_slow(name, 160, 320)
    back = way_back_slow(name, 160, 320, x / place.input_width, y / place.input_height)
    assert back == pytest.approx((200.0, 50.0))


def test_candidates_are_the_priors_above_the_limit_best_first():
    loc, landmarks = np.zeros((4200, 4)), np.zeros((4200, 10))
    scores = np.zeros((4200, 2))
    scores[[0, 7, 9], 1] = 0.3, 0.9, 0.02
    found = candidates_slow("ixrt", 320, 320, (loc, scores, landmarks))
    assert [(face.prior, face.score) for face in found] == [(7, 0.9), (0, 0.3)]
    assert found[1].box == pytest.approx((-1, -1, 9, 9))
    assert found[1].points == [pytest.approx((4, 4))] * 5
