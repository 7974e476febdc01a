import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retinaface.detection.pipelines import PIPELINES, Geometry, preprocess, to_original
from retinaface.errors import ImageError
from retinaface.network.scenes import scene
from retinaface.suite.options import PIPELINE_NAMES

SIDES = st.integers(8, 700)


def flat(height, width, value=(10, 20, 30)):
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_pipelines_are_the_names_of_the_command_line():
    assert tuple(PIPELINES) == PIPELINE_NAMES


def test_igie_centres_the_image_and_pads_with_114_minus_the_mean():
    tensor, geometry = preprocess(flat(100, 200), PIPELINES["igie"])
    assert tensor.shape == (3, 320, 320)
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor[:, 0, 0], [114 - 104, 114 - 117, 114 - 123])
    np.testing.assert_array_equal(tensor[:, 160, 160], [10 - 104, 20 - 117, 30 - 123])
    assert geometry == Geometry(100, 200, 320, 320, (0.0, 80.0), 1.6, clip=True)
    assert (tensor[0, :80] == 10).all()
    assert (tensor[0, 240:] == 10).all()
    assert (tensor[0, 80:240] == -94).all()


def test_igie_rounds_odd_padding_as_the_recipe_does():
    # 639 x 640 becomes 319 x 320: padding 0.5 goes to the bottom, the way back subtracts 0.5.
    tensor, geometry = preprocess(flat(639, 640), PIPELINES["igie"])
    assert geometry.offset_xy_px == (0.0, 0.5)
    assert tensor[0, 0, 0] == -94
    assert tensor[0, 319, 0] == 10


def test_ixrt_puts_the_image_at_the_top_left():
    tensor, geometry = preprocess(flat(100, 200), PIPELINES["ixrt"])
    assert (tensor[0, :160] == -94).all()
    assert (tensor[0, 160:] == 10).all()
    assert geometry == Geometry(100, 200, 320, 320, (0.0, 0.0), 1.6, clip=False)


def test_upstream_keeps_the_shape_of_the_image():
    tensor, geometry = preprocess(flat(100, 200), PIPELINES["upstream-320"])
    assert tensor.shape == (3, 160, 320)
    assert geometry.gain == 1.6
    tensor, _ = preprocess(flat(100, 200), PIPELINES["upstream-640"])
    assert tensor.shape == (3, 320, 640)


def test_upstream_scales_nearly_square_images_by_the_short_side():
    # round(320 / 1023 * 1024) is 320, not above it, so the short side decides.
    _, geometry = preprocess(flat(1023, 1024), PIPELINES["upstream-320"])
    assert geometry.gain == 320 / 1023


def test_an_image_of_the_input_size_is_not_resampled():
    image = scene(320, 320, 5)
    expected = (image.astype(np.float32) - np.float32([104, 117, 123])).transpose(2, 0, 1)
    for name in ("igie", "ixrt", "upstream-320"):
        np.testing.assert_array_equal(preprocess(image, PIPELINES[name])[0], expected)


@given(SIDES, SIDES, st.sampled_from(PIPELINE_NAMES), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_the_way_back_is_exact_up_to_truncation(height, width, name, u, v):
    assume(max(height, width) / min(height, width) < 60)
    _, geometry = preprocess(flat(height, width), PIPELINES[name])
    x, y = u * width, v * height
    offset_x, offset_y = geometry.offset_xy_px
    # Where resizing puts the point: each axis has its own scale, because sizes are whole pixels.
    scale_x = (geometry.input_width_px - 2 * offset_x) / width
    scale_y = (geometry.input_height_px - 2 * offset_y) / height
    if name == "ixrt":
        scale_x = int(width * geometry.gain) / width
        scale_y = int(height * geometry.gain) / height
    there = np.float32(
        [
            (x * scale_x + offset_x) / geometry.input_width_px,
            (y * scale_y + offset_y) / geometry.input_height_px,
        ]
    )
    back = to_original(there[None], geometry)[0]
    # One gain serves both axes. Its error is at most one input pixel over the image's own side,
    # and the recipe's: IGIE takes the gain of the height, where truncation may weigh most.
    relative = 1.001 / min(height * geometry.gain, width * geometry.gain)
    tolerance = np.array([width, height]) * relative + 1e-2
    assert (np.abs(back - [x, y]) <= tolerance).all()


def test_to_original_clips_where_the_recipe_clips():
    outside = np.array([[-0.5, -0.5, 1.5, 1.5]], dtype=np.float32)
    _, igie = preprocess(flat(100, 200), PIPELINES["igie"])
    np.testing.assert_array_equal(to_original(outside, igie), [[0, 0, 200, 100]])
    _, ixrt = preprocess(flat(100, 200), PIPELINES["ixrt"])
    np.testing.assert_array_equal(to_original(outside, ixrt), [[-100, -100, 300, 300]])


def test_to_original_treats_landmarks_as_boxes():
    _, geometry = preprocess(flat(120, 200), PIPELINES["igie"])
    coordinates = np.random.default_rng(0).uniform(0, 1, (6, 10)).astype(np.float32)
    points = to_original(coordinates, geometry).reshape(6, 5, 2)
    for k in range(5):
        one = to_original(coordinates[:, 2 * k : 2 * k + 2], geometry)
        np.testing.assert_array_equal(points[:, k], one)


@pytest.mark.parametrize("name", PIPELINE_NAMES)
@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1)], ids=["wide", "tall"])
def test_an_image_that_resizing_would_erase_is_refused(name, shape):
    with pytest.raises(ImageError, match="px after resizing; expected at least 1x1"):
        preprocess(flat(*shape), PIPELINES[name])


@pytest.mark.parametrize("name", PIPELINE_NAMES)
def test_one_pixel_is_an_image(name):
    tensor, _ = preprocess(flat(1, 1), PIPELINES[name])
    side = PIPELINES[name].long_side_px
    np.testing.assert_array_equal(tensor, np.broadcast_to(tensor[:, :1, :1], (3, side, side)))
