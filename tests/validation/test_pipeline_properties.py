"""Each recipe from pixels to the network input and back, compared with it written plainly."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.detection.pipelines import PIPELINES, preprocess, to_original
from retinaface.suite.properties.references import (
    LONG_SIDES,
    MEAN_BGR,
    forward_slow,
    placement_slow,
    preprocess_slow,
    way_back_slow,
)
from retinaface.suite.properties.strategies import geometry, image_sizes, noise_image

pytestmark = [pytest.mark.answers("steps"), pytest.mark.quick]
# Shares of the longer image side. The way back: four float32 operations on up to twice the input.
WAY_BACK = 2.0**-20
# A centre of mass over pixels that hold whole numbers: input pixels, and image pixels. The most in
# 600 cases was 0.05 where an image shrinks, 0.003 where it grows.
DOT_INPUT_PX, DOT_IMAGE_PX = 0.1, 0.01
each_pipeline = pytest.mark.parametrize("name", list(PIPELINES))


def way_back_bound(name, height, width):
    """Bound how far the way back may miss, in pixels of the image, for x and for y.

    Truncation cuts `lost` = side * ratio - int(side * ratio) input pixels, less than one, off a
    side, so that axis is scaled by ratio - lost / side.
    - ixrt divides by ratio: x * (lost / side) / ratio, at most lost / ratio.
    - igie divides both axes by the scale of the height, the gain. So y is right, and x is off by
      x * (lost_y / height - lost_x / width) / gain: one of the two, and x is at most the width.
      Padding by an odd number is split unevenly; the way back subtracts its half: 1/2 / gain.
      For any size that is less than (max(1, width / height) + 1/2) / gain.
    - upstream resamples by the very factor that it divides by.
    """
    place = placement_slow(name, height, width)
    lost_x, lost_y = width * place.ratio - place.width, height * place.ratio - place.height
    if name == "ixrt":
        return lost_x / place.ratio, lost_y / place.ratio
    if name != "igie":
        return 0.0, 0.0
    gain = place.height / height
    odd_x, odd_y = ((320 - size) % 2 / 2 / gain for size in (place.width, place.height))
    return max(lost_y * width / height, lost_x) / gain + odd_x, odd_y


@each_pipeline
@settings(max_examples=30)
@given(size=image_sizes(), seed=st.integers(0, 9))
@example(size=(60, 77), seed=0)
@example(size=(640, 639), seed=0)
@example(size=(1023, 1024), seed=0)
def test_preprocess_agrees_with_the_recipe_written_plainly(name, size, seed):
    image = noise_image(*size, seed)
    tensor, _ = preprocess(image, PIPELINES[name])
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor, preprocess_slow(name, image))


@each_pipeline
@settings(max_examples=40)
@given(size=image_sizes(longest=300))
def test_padding_lies_where_the_recipe_puts_it(name, size):
    tensor, _ = preprocess(np.full((*size, 3), 200, np.uint8), PIPELINES[name])
    padding = (tensor == np.reshape([114 - mean for mean in MEAN_BGR], (3, 1, 1))).all(axis=0)
    assert np.isin(tensor + np.reshape(MEAN_BGR, (3, 1, 1)), [114, 200]).all()
    rows, columns = np.flatnonzero(~padding.all(axis=1)), np.flatnonzero(~padding.all(axis=0))
    for inside, side in ((rows, tensor.shape[1]), (columns, tensor.shape[2])):
        before, after = int(inside[0]), side - 1 - int(inside[-1])
        if name == "igie":  # the odd pixel goes to the bottom and to the right
            assert after - before == (side - len(inside)) % 2
        else:
            assert before == 0
            assert name == "ixrt" or after == 0
    if name in ("igie", "ixrt"):
        assert tensor.shape == (3, 320, 320)
        # The longer side fills the input, up to float64: int(77 * (320 / 77)) is 319.
        assert max(len(rows), len(columns)) >= 319
    else:
        assert max(tensor.shape) == LONG_SIDES[name]


def paint_dot(height, width, x, y, radius, channel):
    """Draw a smooth dot around a point, in one channel, on grey that equals the padding."""
    image = np.full((height, width, 3), 114, np.uint8)
    distance = np.hypot(np.arange(width) + 0.5 - x, np.arange(height)[:, None] + 0.5 - y)
    dot = 70 * (1 + np.cos(np.pi * np.minimum(distance / radius, 1)))
    image[..., channel] += np.round(dot).astype(np.uint8)
    return image


@each_pipeline
@settings(max_examples=30)
@given(image_sizes(), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2))
def test_a_dot_turns_up_where_it_should_and_comes_back(name, size, u, v, channel):
    height, width = size
    ratio = LONG_SIDES[name] / max(size)
    radius = max(6 / ratio, 4)  # as large as bilinear sampling needs, there and here
    assume(min(size) > 2 * radius)
    x, y = radius + u * (width - 2 * radius), radius + v * (height - 2 * radius)
    tensor, shape = preprocess(paint_dot(*size, x, y, radius, channel), PIPELINES[name])
    mass = tensor + np.float32(MEAN_BGR)[:, None, None] - 114
    assert mass.any(axis=(1, 2)).tolist() == [c == channel for c in range(3)]
    plane = mass[channel]
    columns, rows = np.arange(plane.shape[1]) + 0.5, np.arange(plane.shape[0]) + 0.5
    there = np.array([plane.sum(axis=0) @ columns, plane.sum(axis=1) @ rows]) / plane.sum()
    dot_px = DOT_INPUT_PX + DOT_IMAGE_PX * ratio
    np.testing.assert_allclose(there, forward_slow(name, *size, x, y), rtol=0, atol=dot_px)
    back = to_original(np.float32(there / plane.shape[::-1]), shape)
    bound = np.array(way_back_bound(name, *size)) + dot_px / shape.gain + WAY_BACK * max(size)
    assert (np.abs(back - [x, y]) <= bound).all(), f"({x}, {y}) came back as {back}"


@each_pipeline
@given(size=image_sizes(longest=1024), u=st.floats(0, 1), v=st.floats(0, 1))
def test_the_way_back_misses_by_what_truncation_allows(name, size, u, v):
    shape = geometry(name, *size)
    point = u * size[1], v * size[0]
    there = np.array(forward_slow(name, *size, *point))
    back = to_original(
        np.float32(there / [shape.input_width_px, shape.input_height_px])[None], shape
    )
    bound = np.array(way_back_bound(name, *size)) + WAY_BACK * max(size)
    assert (np.abs(back[0] - point) <= bound).all(), f"{point} came back as {back[0]}"


@pytest.mark.parametrize(
    ("size", "most_px"), [((683, 1024), 2.1), ((200, 1024), 8.3)], ids=["1024x683", "1024x200"]
)
def test_the_way_back_of_igie_misses_by_as_much_as_was_measured(size, most_px):
    assert way_back_bound("igie", *size)[0] == pytest.approx(most_px, abs=0.05)
    # Against the right border the clipping hides it; the gain is too small, not too large.
    shape = geometry("igie", *size)
    x, _ = forward_slow("igie", *size, 0.99 * size[1], 0)
    back = to_original(np.float32([[x / 320, 0.5]]), shape)[0, 0]
    assert back - 0.99 * size[1] == pytest.approx(0.99 * most_px, abs=0.05)


@each_pipeline
@given(image_sizes(longest=1024), arrays(np.float32, (3, 10), elements=st.integers(-64, 128)))
def test_to_original_agrees_with_the_formula_for_one_point(name, size, steps):
    coordinates = steps / np.float32(64)
    shape = geometry(name, *size)
    actual = to_original(coordinates, shape)
    slow = [
        [way_back_slow(name, *size, *point) for point in row.reshape(5, 2).tolist()]
        for row in coordinates
    ]
    atol = WAY_BACK * max(size)
    np.testing.assert_allclose(actual, np.reshape(slow, (3, 10)), rtol=0, atol=atol)
    inside = (actual >= 0) & (actual <= np.tile(size[::-1], 5))
    assert name != "igie" or inside.all()
    np.testing.assert_array_equal(to_original(coordinates[:, :4], shape), actual[:, :4])
