import numpy as np

from retinaface.network.scenes import noise_inputs, scene, synthetic_inputs


def test_scenes_are_the_same_for_one_seed_and_differ_between_seeds():
    np.testing.assert_array_equal(scene(40, 50, 3), scene(40, 50, 3))
    assert (scene(40, 50, 3) != scene(40, 50, 4)).mean() > 0.5
    assert scene(1, 1, 0).shape == (1, 1, 3)


def test_inputs_lie_in_the_range_of_an_image_minus_the_mean():
    for inputs in (synthetic_inputs(2, 0, 32, 48), noise_inputs(2, 0, 32, 48)):
        assert inputs.shape == (2, 3, 32, 48)
        assert inputs.dtype == np.float32
        assert inputs.min() >= -123
        assert inputs.max() <= 151
