"""Input shapes that TensorRT's engines are built for."""

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import EngineSpec
from retinaface.engines.tensorrt.profile import profile_of, written


def spec(size=(320, 320), max_batch=32):
    height, width = size
    return EngineSpec("x", "fp32", "cuda", max_batch=max_batch, height_px=height, width_px=width)


@pytest.mark.parametrize(
    ("size", "axes", "expected"),
    [
        ((320, 320), ["batch", 3, 320, 320], ("1x3x320x320", "32x3x320x320", "32x3x320x320")),
        ((320, 320), ["batch", 3, "h", "w"], ("1x3x320x320", "32x3x320x320", "32x3x320x320")),
        ((320, 320), [64, 3, 320, 320], ("64x3x320x320",) * 3),
        ((None, None), ["batch", 3, "h", "w"], ("1x3x16x16", "1x3x480x640", "32x3x640x640")),
        ((None, None), [-1, 3, -1, -1], ("1x3x16x16", "1x3x480x640", "32x3x640x640")),
    ],
    ids=["batch-free", "size-free-but-known", "fixed", "size-free", "as-tensorrt-says-free"],
)
def test_a_fixed_axis_stays_and_a_free_one_is_what_the_run_needs(size, axes, expected):
    assert tuple(written(shape) for shape in profile_of(spec(size), axes)) == expected


def test_no_pipeline_has_longer_sides():
    from retinaface.engines.tensorrt.profile import LARGEST_SIDE_PX

    assert max(pipeline.long_side_px for pipeline in PIPELINES.values()) == LARGEST_SIDE_PX
