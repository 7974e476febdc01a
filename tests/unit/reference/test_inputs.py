import numpy as np
import pytest

from retinaface.network.config import MOBILENET_025
from retinaface.reference.inputs import KINDS, REAL, kind_inputs, network_inputs, reference_inputs

MEAN = np.reshape(MOBILENET_025.mean_bgr, (3, 1, 1))


def photographs(_n):
    raise AssertionError("no photographs were asked for")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != REAL])
def test_images_of_a_kind_differ_and_are_network_inputs(kind):
    images = kind_inputs(kind, photographs)[:8]
    assert (images.shape, images.dtype) == ((8, 3, 320, 320), np.float32)
    assert len({image.tobytes() for image in images}) == 8
    pixels = images + MEAN
    assert pixels.min() > -1e-3
    assert pixels.max() < 255 + 1e-3


def test_kinds_have_the_content_of_their_name():
    flat = kind_inputs("constant", photographs)
    assert (flat == flat[:, :, :1, :1]).all()
    extremes = kind_inputs("extremes", photographs) + MEAN
    assert set(np.unique(extremes.round(3))) == {0, 255}
    assert np.abs(extremes.mean(axis=(1, 2, 3)) - 127.5).max() < 10  # as much light as dark
    noise = kind_inputs("noise", photographs)
    assert np.abs(np.corrcoef(noise[0, 0, :, 1:].ravel(), noise[0, 0, :, :-1].ravel())[0, 1]) < 0.05


def test_network_inputs_subtract_the_mean_of_each_channel():
    inputs = network_inputs(np.full((2, 3, 4, 5), 200.0))
    assert inputs.dtype == np.float32
    assert inputs[1, :, 3, 4].tolist() == [200 - mean for mean in MOBILENET_025.mean_bgr]


def test_inputs_have_the_size_asked_for_and_another_where_sizes_are_free():
    fixed = reference_inputs(64, 96, dynamic_size=False)
    assert {a.shape for a in fixed.values()} == {(1, 3, 64, 96)}
    assert fixed["extremes"].min() == -123
    assert fixed["extremes"].max() == 151
    assert reference_inputs(64, 96, dynamic_size=True)["scene-213x320"].shape == (1, 3, 213, 320)
