"""Joined heads agree with a loop over cells, and softmax with float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from retinaface.engines.iluvatar.heads import flat_heads, softmax


@pytest.mark.parametrize("width", [4, 2, 10])
def test_levels_are_in_the_order_of_the_priors(width):
    """The order of `prior_boxes` is level, row, column, size."""
    rng = np.random.default_rng(width)
    heads = [rng.random((3, 2 * width, *side), np.float32) for side in ((4, 6), (2, 3), (1, 2))]
    expected = [
        [
            head[i, size * width : (size + 1) * width, row, column]
            for head in heads
            for row in range(head.shape[2])
            for column in range(head.shape[3])
            for size in range(2)
        ]
        for i in range(3)
    ]
    np.testing.assert_array_equal(flat_heads(heads), np.asarray(expected))


@given(npst.arrays(np.float32, (2, 3, 2), elements=st.floats(-3e4, 3e4, width=32)))
def test_softmax_is_that_of_float64_and_does_not_overflow(logits):
    wide = logits.astype(np.float64)
    expected = 1 / (1 + np.exp(np.clip(wide[..., ::-1] - wide, -700, 700)))
    found = softmax(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
