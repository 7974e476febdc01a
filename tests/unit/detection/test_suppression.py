import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.detection.boxes import nms
from retinaface.suite.properties.references import nms_slow
from tests.support.made.boxes import boxes_xyxy
from tests.support.references import nms_numpy


@given(boxes_xyxy(), st.data(), st.sampled_from([0.0, 0.3, 0.4, 0.5, 1.0]))
def test_nms_agrees_with_the_slow_reference(boxes, data, limit):
    scores = data.draw(
        arrays(np.float32, len(boxes), elements=st.sampled_from([0.03125, 0.25, 0.5, 0.75, 1.0]))
    )
    assert nms(boxes, scores, limit).tolist() == nms_slow(boxes, scores, limit)


def test_nms_keeps_a_pair_at_exactly_the_limit():
    # 9x9 and 9x9 px with the + 1, shifted by 3: 60 / (100 + 100 - 60) = 3 / 7 with sides of 10.
    boxes = np.array([[0, 0, 9, 9], [4, 0, 13, 9]], dtype=np.float32)
    exact = 60 / 140
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert nms(boxes, scores, exact + 1e-6).tolist() == [0, 1]
    assert nms(boxes, scores, exact - 1e-6).tolist() == [0]


def test_nms_of_equal_scores_keeps_the_lower_index():
    boxes = np.array([[0, 0, 9, 9]] * 3, dtype=np.float32)
    assert nms(boxes, np.full(3, 0.5, np.float32), 0.4).tolist() == [0]


def test_nms_of_nothing_is_nothing():
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.4).shape == (0,)


@pytest.mark.parametrize(
    ("boxes", "scores", "limit", "message"),
    [
        (np.zeros((2, 4)), np.zeros(3), 0.4, "expected boxes"),
        (np.zeros((2, 5)), np.zeros(2), 0.4, "expected boxes"),
        (np.zeros((2, 4)), np.zeros(2), 1.5, r"must lie in \[0, 1\], got 1.5"),
        (np.zeros((2, 4)), np.zeros(2), float("nan"), "must lie in"),
    ],
    ids=["lengths", "columns", "limit", "nan"],
)
def test_nms_refuses_bad_arguments(boxes, scores, limit, message):
    with pytest.raises(ValueError, match=message):
        nms(boxes, scores, limit)


@pytest.mark.parametrize("n", [10, 130, 1000, 4000])
def test_nms_of_crowds_agrees_with_the_numpy_form(n):
    rng = np.random.default_rng(n)
    centres = rng.uniform(0, 1000, (n // 8 + 1, 2))[rng.integers(0, n // 8 + 1, n)]
    centres += rng.normal(0, 5, (n, 2))
    sides = rng.uniform(10, 60, (n, 1))
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, n).astype(np.float32)
    kept = nms(boxes, scores, 0.4)
    assert kept.dtype == np.int64
    np.testing.assert_array_equal(kept, nms_numpy(boxes, scores, 0.4))
    assert 0 < len(kept) < n


def test_nms_takes_any_scores():
    boxes = np.array([[0, 0, 9, 9], [50, 0, 59, 9], [51, 0, 60, 9]], dtype=np.float32)
    assert nms(boxes, np.array([-2.0, 0.0, -1.0]), 0.4).tolist() == [1, 0]


def test_nms_leaves_its_arguments_alone():
    boxes = np.array([[0, 0, 9, 9], [1, 0, 10, 9]], dtype=np.float64)
    scores = np.array([0.5, 0.6])
    before = boxes.copy(), scores.copy()
    nms(boxes, scores, 0.4)
    np.testing.assert_array_equal(boxes, before[0])
    np.testing.assert_array_equal(scores, before[1])
