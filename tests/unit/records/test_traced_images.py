import numpy as np

from retinaface.detection.detections import postprocess
from retinaface.records.traced_images import pack_stages, spread, unpack_stages
from tests.support.made.records import traced


def test_a_trace_holds_every_stage_and_ends_where_the_detector_does():
    for one in traced():
        assert one.inputs.shape == (3, 320, 320)
        assert [output.shape for output in one.raw] == [(4200, 4), (4200, 2), (4200, 10)]
        assert len(one.candidates.scores) == 2
        expected = postprocess(*one.raw, one.geometry)
        assert np.array_equal(one.detections.boxes_xyxy, expected.boxes_xyxy)
        assert np.array_equal(one.detections.landmarks_xy, expected.landmarks_xy)


def test_what_is_packed_is_unpacked():
    before = traced()
    facts, arrays = pack_stages(before)
    for old, new in zip(before, unpack_stages(facts, arrays), strict=True):
        assert (new.image, new.geometry) == (old.image, old.geometry)
        assert np.array_equal(new.inputs, old.inputs)
        assert all(np.array_equal(a, b) for a, b in zip(new.raw, old.raw, strict=True))
        assert np.array_equal(new.candidates.scores, old.candidates.scores)
        assert np.array_equal(new.detections.boxes_xyxy, old.detections.boxes_xyxy)


def test_traced_images_are_spread_over_the_list():
    images = tuple(f"e/{i}" for i in range(100))
    assert spread(images, 4) == ("e/0", "e/25", "e/50", "e/75")
    assert spread(images[:3], 4) == images[:3]
    assert spread((), 4) == ()
