import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.detection.boxes import PLUS_ONE, decode_boxes, decode_landmarks, overlap_matrix
from retinaface.network.config import MOBILENET_025
from retinaface.network.priors import prior_boxes
from retinaface.suite.properties.references import encode_box, overlap_slow
from tests.support.made.boxes import boxes_xyxy

VARIANCES = MOBILENET_025.variances


@given(
    arrays(np.float64, 4, elements=st.floats(0.02, 0.98)),
    st.integers(0, 4199),
)
def test_decode_boxes_inverts_encode(corners, index):
    x1, y1, x2, y2 = corners
    box = np.array([min(x1, x2), min(y1, y2), max(x1, x2) + 0.01, max(y1, y2) + 0.01])
    prior = prior_boxes(320, 320)[index]
    loc = encode_box(box, prior, VARIANCES).astype(np.float32)
    decoded = decode_boxes(loc[None], prior[None], VARIANCES)[0]
    # Float32 offsets of up to 500 priors' widths, times a width: 500 * 2**-24 * 0.8.
    np.testing.assert_allclose(decoded, box, atol=3e-5)


def test_decode_boxes_of_zero_offsets_are_the_priors():
    priors = prior_boxes(320, 320)
    decoded = decode_boxes(np.zeros((4200, 4), np.float32), priors, VARIANCES)
    np.testing.assert_allclose((decoded[:, :2] + decoded[:, 2:]) / 2, priors[:, :2], atol=1e-6)
    np.testing.assert_allclose(decoded[:, 2:] - decoded[:, :2], priors[:, 2:], atol=1e-6)


def test_decode_landmarks_moves_each_point_by_its_own_offset():
    prior = np.array([[0.5, 0.25, 0.1, 0.2]], dtype=np.float32)
    offsets = np.arange(10, dtype=np.float32)[None]
    points = decode_landmarks(offsets, prior, VARIANCES)[0].reshape(5, 2)
    for k, (x, y) in enumerate(points):
        assert x == pytest.approx(0.5 + 2 * k * 0.1 * 0.1)
        assert y == pytest.approx(0.25 + (2 * k + 1) * 0.1 * 0.2)


def test_decoding_a_batch_is_decoding_each_image():
    rng = np.random.default_rng(0)
    loc = rng.normal(size=(3, 4200, 4)).astype(np.float32)
    priors = prior_boxes(320, 320)
    batch = decode_boxes(loc, priors, VARIANCES)
    for one, image in zip(batch, loc, strict=True):
        np.testing.assert_array_equal(one, decode_boxes(image, priors, VARIANCES))


@given(boxes_xyxy(8), boxes_xyxy(8), st.sampled_from([0.0, 1.0]))
def test_overlap_matrix_agrees_with_the_formula_for_one_pair(a, b, extra):
    matrix = overlap_matrix(a, b, extra_px=extra)
    slow = [[overlap_slow(p, q, extra) for q in b] for p in a]
    np.testing.assert_allclose(matrix, np.reshape(slow, matrix.shape), atol=1e-6)


def test_overlap_of_a_pixel_with_itself_needs_the_plus_one():
    pixel = np.array([[3.0, 3.0, 3.0, 3.0]])
    assert overlap_matrix(pixel, pixel, extra_px=PLUS_ONE) == 1
    assert overlap_matrix(pixel, pixel, extra_px=0.0) == 0
