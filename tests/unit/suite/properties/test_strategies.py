import numpy as np
from hypothesis import given, settings

from retinaface.detection.pipelines import PIPELINES
from retinaface.suite.properties.references import overlap_slow, placement_slow
from retinaface.suite.properties.strategies import (
    JUST_ABOVE,
    LIMIT,
    boxes_xyxy,
    image_sizes,
    noise_image,
    raw_outputs,
    scored_boxes,
    scored_images,
)


@given(boxes_xyxy(min_size=2, max_size=5))
def test_boxes_are_exact_and_not_inside_out(boxes):
    assert boxes.dtype == np.float32
    assert 2 <= len(boxes) <= 5
    assert (boxes[:, :2] <= boxes[:, 2:]).all()
    assert (boxes * 4 == np.round(boxes * 4)).all()


def test_boxes_overlap_about_the_limit_often():
    shares = []

    @settings(max_examples=200, derandomize=True, database=None)
    @given(boxes_xyxy(min_size=2, max_size=2))
    def draw(boxes):
        shares.append(0.25 < overlap_slow(*boxes.tolist(), 1.0) < 0.55)

    draw()
    assert np.mean(shares) > 0.1


@given(scored_boxes(distinct=True))
def test_scores_are_distinct_on_request(drawn):
    boxes, scores = drawn
    assert len(set(scores.tolist())) == len(boxes) == len(scores)


@given(image_sizes(longest=700))
def test_no_recipe_shrinks_an_image_to_nothing(size):
    assert all(min(placement_slow(name, *size)[1:3]) >= 1 for name in PIPELINES)


def test_noise_is_that_of_its_seed():
    one, same, other = (noise_image(3, 5, seed) for seed in (0, 0, 1))
    assert (one.shape, one.dtype) == ((3, 5, 3), np.uint8)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@settings(max_examples=30)
@given(raw_outputs(500))
def test_only_the_named_priors_exceed_the_limit(drawn):
    (loc, scores, landmarks), indices = drawn
    assert [a.shape for a in (loc, scores, landmarks)] == [(500, 4), (500, 2), (500, 10)]
    assert set(np.flatnonzero(scores[:, 1] > LIMIT)) <= set(indices)
    assert JUST_ABOVE > LIMIT


@settings(max_examples=30)
@given(scored_images(max_images=2, max_faces=3, max_boxes=4))
def test_scored_images_have_arrays_of_one_length(images):
    assert 1 <= len(images) <= 2
    for image in images:
        assert image["boxes"].shape == (len(image["scores"]), 4)
        assert image["faces"].shape == (len(image["counted"]), 4)
        assert image["counted"].shape[1] == 3
