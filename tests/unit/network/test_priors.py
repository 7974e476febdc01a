import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.network.config import MOBILENET_025
from retinaface.network.priors import prior_boxes
from retinaface.suite.properties.references import prior_boxes_slow

SIDE = st.integers(1, 90)


@given(SIDE, SIDE)
def test_prior_boxes_agree_with_loops(height, width):
    slow = prior_boxes_slow(height, width, MOBILENET_025.strides_px, MOBILENET_025.prior_sizes_px)
    np.testing.assert_array_equal(prior_boxes(height, width), slow)


def test_prior_boxes_count_of_the_published_input_is_4200():
    assert prior_boxes(320, 320).shape == (4200, 4)


def test_prior_boxes_are_shared_and_read_only():
    assert prior_boxes(320, 320) is prior_boxes(320, 320)
    with pytest.raises(ValueError, match="read-only"):
        prior_boxes(320, 320)[0, 0] = 1


def test_prior_boxes_refuse_an_empty_input():
    with pytest.raises(ValueError, match="at least 1x1 px, got 320x0"):
        prior_boxes(0, 320)
