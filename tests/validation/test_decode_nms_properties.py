"""Priors, decoding, overlap and suppression, compared with their definitions."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.detection.boxes import PLUS_ONE, decode_boxes, decode_landmarks, nms, overlap_matrix
from retinaface.network.config import MOBILENET_025, NMS_OVERLAP_LIMIT
from retinaface.network.priors import prior_boxes
from retinaface.suite.properties.references import (
    PRIOR_SIZES,
    STRIDES,
    VARIANCES,
    decode_box_slow,
    decode_points_slow,
    encode_box,
    encode_points,
    nms_slow,
    overlap_slow,
    prior_boxes_slow,
)
from retinaface.suite.properties.strategies import boxes_xyxy, scored_boxes

pytestmark = [pytest.mark.answers("steps"), pytest.mark.quick]
# A round trip through float32 offsets. Sums and products of numbers up to 1 round by 2**-24 each;
# the exponent, up to ln(1 / 0.03) = 3.5, by 3.5 * 2**-23, which is then a share of the size.
ROUND_TRIP = 2e-6
# Half a dozen float32 operations, each on numbers up to the larger of 1 and the result.
DECODING = 6 * 2.0**-23
# One division of numbers that are exact in float32.
DIVISION = 2.0**-24

INPUT_SIDE = st.integers(32, 330)
LIMITS = st.sampled_from([NMS_OVERLAP_LIMIT, 0.0, 0.25, 0.5, 1.0])


@given(st.integers(1, 330), st.integers(1, 330))
@example(320, 320)
@example(640, 427)
def test_prior_boxes_agree_with_loops(height, width):
    slow = prior_boxes_slow(height, width, STRIDES, PRIOR_SIZES)
    np.testing.assert_array_equal(prior_boxes(height, width), slow)


@pytest.mark.parametrize(
    ("index", "prior_px"),
    [
        (0, (4, 4, 10)),
        (1, (4, 4, 20)),
        (2, (12, 4, 10)),
        (79, (316, 4, 20)),
        (80, (4, 12, 10)),
        (3200, (8, 8, 32)),
        (3203, (24, 8, 64)),
        (3240, (8, 24, 32)),
        (4000, (16, 16, 128)),
        (4199, (304, 304, 256)),
    ],
    ids=lambda value: str(value).replace(" ", ""),
)
def test_prior_boxes_of_320_have_their_known_centre_and_size(index, prior_px):
    x, y, size = prior_px
    np.testing.assert_allclose(prior_boxes(320, 320)[index] * 320, [x, y, size, size], rtol=1e-6)


def test_prior_boxes_of_a_wide_input_divide_x_by_the_width_and_y_by_the_height():
    priors = prior_boxes(100, 200)  # 13 x 25, 7 x 13 and 4 x 7 cells
    assert len(priors) == 2 * (13 * 25 + 7 * 13 + 4 * 7)
    np.testing.assert_allclose(priors[2], [12 / 200, 4 / 100, 10 / 200, 10 / 100], rtol=1e-6)
    np.testing.assert_allclose(priors[50], [4 / 200, 12 / 100, 10 / 200, 10 / 100], rtol=1e-6)
    np.testing.assert_allclose(priors[-1], [208 / 200, 112 / 100, 256 / 200, 256 / 100], rtol=1e-6)


@given(INPUT_SIDE, INPUT_SIDE, st.data())
def test_decode_boxes_inverts_encode(height, width, data):
    priors = prior_boxes(height, width)
    prior = priors[data.draw(st.integers(0, len(priors) - 1))]
    x, y = (data.draw(st.integers(0, 90)) / 100 for _ in "xy")
    w, h = (data.draw(st.integers(1, 10)) / 100 for _ in "wh")
    box = np.array([x, y, x + w, y + h])
    loc = encode_box(box, prior, VARIANCES).astype(np.float32)
    decoded = decode_boxes(loc[None], prior[None], MOBILENET_025.variances)[0]
    np.testing.assert_allclose(decoded, box, rtol=0, atol=ROUND_TRIP)


@given(INPUT_SIDE, INPUT_SIDE, st.data())
def test_decode_landmarks_inverts_encode(height, width, data):
    priors = prior_boxes(height, width)
    prior = priors[data.draw(st.integers(0, len(priors) - 1))][None]
    points = data.draw(arrays(np.float64, (1, 5, 2), elements=st.integers(0, 100))) / 100
    offsets = encode_points(points, prior).astype(np.float32)
    decoded = decode_landmarks(offsets, prior, MOBILENET_025.variances)
    np.testing.assert_allclose(decoded.reshape(1, 5, 2), points, rtol=0, atol=ROUND_TRIP)


OFFSETS = st.integers(-40, 40).map(lambda n: n / 8)


@given(INPUT_SIDE, INPUT_SIDE, arrays(np.float32, (3, 14), elements=OFFSETS), st.data())
def test_decoding_agrees_with_the_formula_for_one_prior(height, width, raw, data):
    whole = prior_boxes(height, width)
    priors = whole[[data.draw(st.integers(0, len(whole) - 1)) for _ in range(3)]]
    boxes = decode_boxes(raw[:, :4], priors, MOBILENET_025.variances)
    points = decode_landmarks(raw[:, 4:], priors, MOBILENET_025.variances)
    for i, prior in enumerate(priors):
        slow = decode_box_slow(raw[i, :4], prior)
        slow_points = np.ravel(decode_points_slow(raw[i, 4:], prior))
        size = max(1.0, *np.abs(slow), *np.abs(slow_points))
        np.testing.assert_allclose(boxes[i], slow, rtol=0, atol=DECODING * size)
        np.testing.assert_allclose(points[i], slow_points, rtol=0, atol=DECODING * size)


@given(boxes_xyxy(), boxes_xyxy(), st.sampled_from([0.0, PLUS_ONE]))
def test_overlap_matrix_agrees_with_the_formula_for_one_pair(a, b, extra):
    matrix = overlap_matrix(a, b, extra_px=extra)
    slow = np.array([overlap_slow(p, q, extra) for p in a.tolist() for q in b.tolist()])
    np.testing.assert_allclose(matrix, slow.reshape(matrix.shape), rtol=0, atol=DIVISION)


@given(boxes_xyxy())
def test_overlap_matrix_is_symmetrical_a_fraction_and_1_with_itself(boxes):
    matrix = overlap_matrix(boxes, boxes, extra_px=PLUS_ONE)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert ((matrix >= 0) & (matrix <= 1)).all()
    assert (np.diag(matrix) == 1).all()


@given(boxes_xyxy(), boxes_xyxy())
def test_overlap_with_the_plus_one_is_never_smaller(a, b):
    # The pixel weighs more on the intersection, which is the smaller: I'/I >= A'/A and >= B'/B.
    with_one, without = (overlap_matrix(a, b, extra_px=extra) for extra in (PLUS_ONE, 0.0))
    assert (with_one >= without - DIVISION).all()


@given(scored_boxes(max_size=16), LIMITS)
def test_nms_agrees_with_the_slow_reference(drawn, limit):
    boxes, scores = drawn
    assert nms(boxes, scores, limit).tolist() == nms_slow(boxes.tolist(), scores, limit)


@given(scored_boxes(), LIMITS)
def test_nms_keeps_a_sorted_subset_and_explains_what_it_drops(drawn, limit):
    boxes, scores = drawn
    kept = nms(boxes, scores, limit).tolist()
    rank = [(-scores[i], i) for i in kept]
    assert rank == sorted(set(rank))
    # Of exact boxes, a fraction next to the limit is further from it than float32 rounds.
    over = overlap_matrix(boxes, boxes, extra_px=PLUS_ONE) > limit + DIVISION
    assert not (over[np.ix_(kept, kept)] & ~np.eye(len(kept), dtype=bool)).any()
    for i in set(range(len(boxes))) - set(kept):
        assert any(over[k, i] and (-scores[k], k) < (-scores[i], i) for k in kept)


@given(scored_boxes(), LIMITS)
def test_nms_of_what_it_kept_keeps_all(drawn, limit):
    boxes, scores = drawn
    kept = nms(boxes, scores, limit)
    assert nms(boxes[kept], scores[kept], limit).tolist() == list(range(len(kept)))


@given(scored_boxes(distinct=True), LIMITS, st.data())
def test_nms_does_not_depend_on_the_order_of_boxes(drawn, limit, data):
    boxes, scores = drawn
    order = np.array(data.draw(st.permutations(range(len(boxes)))), dtype=int)
    shuffled = nms(boxes[order], scores[order], limit)
    assert order[shuffled].tolist() == nms(boxes, scores, limit).tolist()


@given(scored_boxes(), LIMITS, st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_nms_does_not_depend_on_the_place_in_the_image(drawn, limit, x, y):
    boxes, scores = drawn
    moved = boxes + np.float32([x, y, x, y])
    assert nms(moved, scores, limit).tolist() == nms(boxes, scores, limit).tolist()


def falling(boxes):
    """Make an array of boxes, and scores that prefer the earlier."""
    return np.float32(boxes).reshape(-1, 4), np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # Overlap 6 / 12 with the + 1, 2 / 6 without.
        ([(0, 0, 2, 2), (1, 0, 3, 2)], [0]),
        # The third overlaps the second by 4 / 9 without the + 1, and the first by 6 / 19 with it:
        # without the + 1 the second is kept and the third is not.
        ([(0, 0, 2, 2), (1, 0, 3, 2), (1, 0, 4, 3)], [0, 2]),
        ([(3, 3, 3, 3), (3, 3, 3, 3)], [0]),  # nothing at all without the + 1
        ([(0, 0, 4, 4), (5, 0, 9, 4)], [0, 1]),  # neighbours share no pixel
        ([(0, 0, 9, 0), (2, 0, 11, 0)], [0]),  # one row: 8 / 12 with the + 1, 0 / 0 without
        ([(0, 0, 9, 9)] * 5, [0]),
        ([(0, 0, 9, 9)], [0]),
        ([], []),
    ],
    ids=["drops", "keeps", "pixel", "touching", "flat", "identical", "one", "none"],
)
def test_nms_counts_pixels(boxes, expected):
    assert nms(*falling(boxes), NMS_OVERLAP_LIMIT).tolist() == expected


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 6, 0), (3, 0, 9, 0)], [0, 1]),  # 4 / 10
        ([(0, 0, 6, 9), (3, 0, 9, 9)], [0, 1]),  # 40 / 100
        ([(0, 0, 4, 4), (0, 0, 4, 1)], [0, 1]),  # 10 / 25
        ([(0, 0, 698, 0), (300, 0, 998, 0)], [0, 1]),  # 399 / 999
        ([(0, 0, 700, 0), (300, 0, 1000, 0)], [0]),  # 401 / 1001
    ],
    ids=["row", "area", "nested", "just-below", "just-above"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_nms_keeps_a_pair_up_to_the_limit_itself(boxes, expected, dtype):
    array, scores = falling(boxes)
    assert nms(array.astype(dtype), scores, 0.4).tolist() == expected


def test_nms_of_equal_scores_goes_by_index():
    # Many: NumPy sorts up to 16 items in a way that is stable by chance.
    boxes = np.float32([(20 * i, 0, 20 * i + 9, 9) for i in range(300)])
    scores = np.float32([0.25, 0.75, 0.5] * 100)
    expected = [i for first in (1, 2, 0) for i in range(first, 300, 3)]
    assert nms(boxes, scores, NMS_OVERLAP_LIMIT).tolist() == expected


def test_nms_of_thousands_of_boxes_agrees_with_the_slow_reference():
    rng = np.random.default_rng(0)
    corners, sizes = rng.integers(0, 300, (2000, 2)), rng.integers(10, 60, (2000, 2))
    boxes = np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)
    scores = rng.integers(1, 200, 2000).astype(np.float32) / 256
    kept = nms(boxes, scores, NMS_OVERLAP_LIMIT).tolist()
    assert kept == nms_slow(boxes.tolist(), scores.tolist(), NMS_OVERLAP_LIMIT)
    assert 100 < len(kept) < 1000
