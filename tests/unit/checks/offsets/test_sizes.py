import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.checks.ap_changes import FACE_SIZES_PX
from retinaface.checks.offsets.sizes import MIN_IMAGES, MIN_PAIRS, size_groups


def pairs(by_height, n_images=MIN_IMAGES):
    """Heights and images of so many pairs of each height, spread over the images."""
    heights = np.repeat(list(by_height), list(by_height.values())).astype(np.float64)
    return heights, np.arange(len(heights)) % n_images


def names(by_height, n_images=MIN_IMAGES):
    return [str(group) for group in size_groups(*pairs(by_height, n_images))]


@pytest.mark.parametrize(
    ("by_height", "expected"),
    [
        ({12: MIN_PAIRS, 40: MIN_PAIRS}, ["0-32 px", "32 px and more"]),
        ({5: MIN_PAIRS, 12: MIN_PAIRS}, ["0-10 px", "10 px and more"]),
        ({10: MIN_PAIRS, 16: MIN_PAIRS}, ["0-16 px", "16 px and more"]),
        # Too few large ones go to the next smaller size, too few small ones to the next larger.
        ({40: MIN_PAIRS, 70: MIN_PAIRS - 1, 200: 1}, ["0-64 px", "64 px and more"]),
        ({20: MIN_PAIRS, 200: MIN_PAIRS - 1}, ["any size"]),
        ({5: MIN_PAIRS - 1, 20: MIN_PAIRS, 50: MIN_PAIRS}, ["0-32 px", "32 px and more"]),
        ({40: 3}, ["any size"]),
    ],
)
def test_a_size_with_too_few_pairs_goes_to_its_neighbour(by_height, expected):
    assert names(by_height) == expected


def test_pairs_of_too_few_images_are_too_few():
    by_height = {20: 5 * MIN_PAIRS, 40: 5 * MIN_PAIRS}
    assert names(by_height, MIN_IMAGES) == ["0-32 px", "32 px and more"]
    assert names(by_height, MIN_IMAGES - 1) == ["any size"]


@given(
    st.dictionaries(st.integers(1, 20_000), st.integers(1, 250), min_size=1, max_size=8),
    st.integers(1, 60),
)
def test_every_pair_is_in_one_group_of_its_size(by_height, n_images):
    heights, images = pairs(by_height, n_images)
    groups = size_groups(heights, images)
    assert (sum(group.mask.astype(int) for group in groups) == 1).all()
    assert {g.from_px for g in groups} < set(FACE_SIZES_PX)
    for group in groups:
        here = heights[group.mask]
        assert (here >= group.from_px).all()
        assert group.to_px is None or (here < group.to_px).all()
        if len(groups) > 1:
            assert len(here) >= MIN_PAIRS
            assert len(np.unique(images[group.mask])) >= MIN_IMAGES
