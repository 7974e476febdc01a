"""Post-processing of one image as a whole, compared with a walk over its priors."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retinaface.detection.detections import postprocess
from retinaface.detection.pipelines import PIPELINES
from retinaface.network.priors import prior_boxes
from retinaface.suite.properties.references import (
    candidates_slow,
    decode_box_slow,
    encode_points,
    overlap_slow,
    suppress_slow,
)
from retinaface.suite.properties.strategies import JUST_ABOVE, LIMIT, geometry, raw_outputs

pytestmark = [pytest.mark.answers("steps"), pytest.mark.quick]
# Share of the longer image side: a dozen float32 operations on sizes of up to 1.5 inputs.
WHOLE_WAY = 2.0**-18
# Closer to the limit than this, float32 and float64 may decide differently.
OVERLAP_MARGIN = 1e-3

SIZES = [(320, 320), (683, 1024), (200, 1024), (60, 77), (480, 360)]
each_pipeline = pytest.mark.parametrize("name", list(PIPELINES))


def draw_outputs(data, name, size):
    shape = geometry(name, *size)
    n_priors = len(prior_boxes(shape.input_height_px, shape.input_width_px))
    return data.draw(raw_outputs(n_priors))


@each_pipeline
@settings(max_examples=50)
@given(size=st.sampled_from(SIZES), data=st.data())
def test_postprocess_agrees_with_the_slow_reference(name, size, data):
    outputs, _ = draw_outputs(data, name, size)
    candidates = candidates_slow(name, *size, outputs)
    overlaps = [overlap_slow(a.box, b.box, 1.0) for a, b in combinations(candidates, 2)]
    assume(all(abs(overlap - 0.4) > OVERLAP_MARGIN for overlap in overlaps))
    expected = suppress_slow(candidates)
    found = postprocess(*outputs, geometry(name, *size))
    assert found.scores.tolist() == [face.score for face in expected]
    assert found.landmarks_xy.shape == (len(expected), 5, 2)
    for box, points, face in zip(found.boxes_xyxy, found.landmarks_xy, expected, strict=True):
        np.testing.assert_allclose(box, face.box, rtol=0, atol=WHOLE_WAY * max(size))
        np.testing.assert_allclose(points, face.points, rtol=0, atol=WHOLE_WAY * max(size))


@given(raw_outputs(4200), st.sampled_from([LIMIT, np.float32(0.25), np.float32(0.5)]))
def test_postprocess_takes_priors_strictly_above_the_limit_best_first(drawn, limit):
    outputs, indices = drawn
    found = postprocess(*outputs, geometry("ixrt", 320, 320), score_limit=limit, overlap_limit=1.0)
    expected = [s for s in outputs[1][sorted(set(indices)), 1].tolist() if s > limit]
    assert found.scores.tolist() == sorted(expected, reverse=True)


# Of each of the 4200 priors: five points in a column whose place tells the prior.
TAGS_PX = np.stack(
    np.broadcast_arrays(np.arange(4200)[:, None] / 16 + np.arange(5), 50.0 + 40 * np.arange(5)),
    axis=-1,
)  # (4200, 5, 2)


@given(raw_outputs(4200))
def test_landmarks_stay_with_their_box_and_in_their_order(drawn):
    (loc, scores, _), indices = drawn
    priors = prior_boxes(320, 320)
    tagged = encode_points(TAGS_PX / 320, priors).astype(np.float32)
    found = postprocess(loc, scores, tagged, geometry("ixrt", 320, 320))
    for box, score, points in zip(found.boxes_xyxy, found.scores, found.landmarks_xy, strict=True):
        i = round(16 * float(points[0, 0]))
        assert i in indices
        np.testing.assert_allclose(points, TAGS_PX[i], rtol=0, atol=WHOLE_WAY * 320)
        assert score == scores[i, 1]
        own_box = np.multiply(decode_box_slow(loc[i], priors[i]), 320)
        np.testing.assert_allclose(box, own_box, rtol=0, atol=WHOLE_WAY * 320)


@each_pipeline
@settings(max_examples=40)
@given(size=st.sampled_from(SIZES), data=st.data())
def test_landmarks_at_the_corners_of_a_box_come_back_with_it(name, size, data):
    (loc, scores, landmarks), indices = draw_outputs(data, name, size)
    shape = geometry(name, *size)
    priors = prior_boxes(shape.input_height_px, shape.input_width_px)
    for i in indices:
        x1, y1, x2, y2 = decode_box_slow(loc[i], priors[i])
        corners = np.array([[[x1, y1], [x2, y1], [x1, y2], [x2, y2], [x1, y1]]])
        landmarks[i] = encode_points(corners, priors[i : i + 1])
    found = postprocess(loc, scores, landmarks, shape)
    corners = found.boxes_xyxy[:, [0, 1, 2, 1, 0, 3, 2, 3, 0, 1]].reshape(-1, 5, 2)
    np.testing.assert_allclose(found.landmarks_xy, corners, rtol=0, atol=WHOLE_WAY * max(size))


def test_postprocess_of_equal_scores_goes_by_prior():
    # 10 px priors, two cells of 8 px apart; many, because NumPy sorts a few in a stable way.
    indices = np.array([2 * (40 * i + j) for i in range(0, 40, 2) for j in range(0, 40, 2)])
    scores = np.full((4200, 2), LIMIT)
    scores[indices, 1] = np.resize(np.float32([0.25, 0.75, JUST_ABOVE]), len(indices))
    loc, landmarks = np.zeros((4200, 4), np.float32), np.zeros((4200, 10), np.float32)
    found = postprocess(loc, scores, landmarks, geometry("igie", 320, 320))
    order = sorted(indices, key=lambda i: (-scores[i, 1], i))
    assert len(found.scores) == len(indices)
    np.testing.assert_allclose(
        found.landmarks_xy[:, 0], prior_boxes(320, 320)[order, :2] * 320, rtol=0, atol=1e-3
    )
