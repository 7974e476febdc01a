import numpy as np
import pytest

from retinaface.detection.detections import (
    Detections,
    check_outputs,
    pack_detections,
    postprocess,
    unpack_detections,
)
from retinaface.detection.pipelines import Geometry
from retinaface.errors import EngineFault
from retinaface.network.priors import prior_boxes

IDENTITY = Geometry(320, 320, 320, 320, (0.0, 0.0), 1.0, clip=False)


def raw(n_priors=4200):
    scores = np.zeros((n_priors, 2), np.float32)
    scores[:, 0] = 1
    return np.zeros((n_priors, 4), np.float32), scores, np.zeros((n_priors, 10), np.float32)


def put(raw_outputs, prior, score):
    raw_outputs[1][prior] = [1 - score, score]


def test_postprocess_takes_scores_strictly_above_the_limit():
    outputs = raw()
    put(outputs, 100, np.float32(0.02))
    put(outputs, 3000, np.nextafter(np.float32(0.02), np.float32(1)))
    found = postprocess(*outputs, IDENTITY)
    assert len(found.scores) == 1
    prior = prior_boxes(320, 320)[3000] * 320
    centre = (found.boxes_xyxy[0, :2] + found.boxes_xyxy[0, 2:]) / 2
    np.testing.assert_allclose(centre, prior[:2], atol=1e-3)


def test_postprocess_gives_the_best_first_and_drops_what_overlaps():
    outputs = raw()
    put(outputs, 4198, 0.6)  # 128 px at the last cell
    put(outputs, 4199, 0.5)  # 256 px there: overlap 0.25, kept
    put(outputs, 4196, 0.9)  # 128 px one cell to the left: overlap 0.6 with the first, wins
    found = postprocess(*outputs, IDENTITY)
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])


def test_landmarks_stay_with_their_box():
    outputs = raw()
    for prior, score in ((0, 0.3), (100, 0.9), (3300, 0.5)):
        put(outputs, prior, score)
        outputs[2][prior] = prior / 1000
    found = postprocess(*outputs, IDENTITY)
    priors = prior_boxes(320, 320)
    for k, prior in enumerate((100, 3300, 0)):
        expected = (priors[prior, :2] + prior / 1000 * 0.1 * priors[prior, 2:]) * 320
        np.testing.assert_allclose(found.landmarks_xy[k], np.tile(expected, (5, 1)), atol=1e-3)


def test_nothing_found_is_empty_arrays():
    found = postprocess(*raw(), IDENTITY)
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.landmarks_xy.shape == (0, 5, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("output", [0, 1, 2], ids=["loc", "scores", "landmarks"])
def test_outputs_that_are_not_finite_are_a_fault(output, value):
    outputs = raw()
    check_outputs(*outputs)
    outputs[output][7, 1] = value
    with pytest.raises(EngineFault, match=r"1 of \d+ values of \w+ are not finite"):
        check_outputs(*outputs)


@pytest.mark.parametrize(("value", "is_fault"), [(-0.1, True), (1.1, True), (1.001, False)])
def test_scores_are_probabilities(value, is_fault):
    outputs = raw()
    outputs[1][7, 1] = value
    if is_fault:
        with pytest.raises(EngineFault, match=r"outside \[0, 1\]"):
            check_outputs(*outputs)
    else:
        check_outputs(*outputs)


def test_packed_detections_are_parted_as_they_were():
    one = Detections(*(np.ones((2, *shape), np.float32) for shape in ((4,), (), (5, 2))))
    by_image = {"a": one, "none": Detections.none(), "b": one}
    found = unpack_detections(pack_detections(by_image))
    assert list(found) == list(by_image)
    for image, expected in by_image.items():
        for name in ("boxes_xyxy", "scores", "landmarks_xy"):
            array, other = getattr(found[image], name), getattr(expected, name)
            assert (array.dtype, array.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(array, other)
