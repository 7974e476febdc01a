import numpy as np
import pytest

from retinaface.checks.accuracy import smallest_effect
from retinaface.comparison.metrics import (
    ap_metrics,
    detection_metrics,
    image_differences,
    precision_of,
    speed_metrics,
)
from retinaface.comparison.pairs import Pair
from tests.support.made.records import IMAGES, RESULT, N, make_run


def pair_of(old, new):
    return Pair((old, new), (RESULT, RESULT))


@pytest.fixture
def two(tmp_path):
    def make(**changes):
        return pair_of(make_run(tmp_path / "a"), make_run(tmp_path / "b", **changes))

    return make


def test_ap_is_in_points_with_what_is_allowed(two):
    hits = np.arange(N) >= 6
    (easy, *_) = ap_metrics(two(hits=hits))
    assert (easy.name, easy.unit, easy.old) == ("AP easy", "points", 100)
    assert easy.new == pytest.approx(81)  # precision 0.9 up to recall 0.9
    assert f"{smallest_effect(N):g} points over {N} images" in easy.note


def test_images_of_the_same_names_with_different_contents_are_not_comparable(tmp_path):
    runs = (
        make_run(
            tmp_path / name,
            result={"image_files_sha256": sha256},
            image_sha256=dict.fromkeys(IMAGES, "0" * 64) | {IMAGES[1]: sha256},
        )
        for name, sha256 in (("a", "1" * 64), ("b", "2" * 64))
    )
    found = ap_metrics(pair_of(*runs))
    assert {str(metric.verdict) for metric in found} == {"INCONCLUSIVE"}
    note = f"with different contents, 1 of {N} images, first {IMAGES[1]}: not comparable"
    assert note in found[0].note


def test_a_result_without_ap_has_no_ap_metric(two):
    assert ap_metrics(two(result={"ap": {}})) == []


def test_tolerances_are_those_of_fp16_where_either_side_is(two):
    pair = two(result={"precision": "fp16"})
    assert precision_of(pair) == "fp16"
    assert precision_of(pair_of(pair.runs[0], pair.runs[0])) == "fp32"


def test_every_figure_on_detections_is_a_share_or_a_count(two):
    metrics = detection_metrics(two())
    assert len(metrics) >= 4
    assert {metric.unit for metric in metrics} <= {"%", "count"}
    assert {metric.new for metric in metrics} == {0}


def test_images_are_compared_one_by_one(two):
    found = image_differences(two(shift=20.0))
    assert len(found) == N
    assert all(len(one.changes) == 12 for one in found)


@pytest.mark.parametrize(
    ("factor", "verdict", "word"),
    [(1.5, "FAIL", "slower"), (0.5, "PASS", "faster"), (1.0, "PASS", "runs of one build")],
)
def test_an_accelerator_is_judged_beyond_the_noise_of_builds(tmp_path, factor, verdict, word):
    def timed(scale):
        samples = [scale * (0.1 + 1e-5 * i) for i in range(20)]
        return {"engine": {"device": "cuda"}, "speed": {"network": {"samples_s": samples}}}

    runs = [make_run(tmp_path / str(x), result=timed(x)) for x in (1, factor + 1e-9)]
    (metric,) = speed_metrics(pair_of(*runs))
    assert str(metric.verdict) == verdict
    assert word in metric.note


def test_times_of_two_devices_are_not_judged(tmp_path):
    samples = {"network": {"samples_s": [0.1, 0.2]}}
    runs = [
        make_run(tmp_path / device, result={"engine": {"device": device}, "speed": samples})
        for device in ("npu", "cuda")
    ]
    (metric,) = speed_metrics(pair_of(*runs))
    assert metric.verdict is None
    assert "different devices" in metric.note


@pytest.mark.parametrize("missing", ["device", "accelerators"])
def test_times_on_a_device_that_is_not_known_are_not_judged(tmp_path, missing):
    samples = {"network": {"samples_s": [0.1, 0.2]}}
    engines = {"device": "cuda"}, {} if missing == "device" else {"device": "cuda"}
    runs = [
        make_run(tmp_path / name, result={"engine": engine, "speed": samples})
        for name, engine in zip("ab", engines, strict=True)
    ]
    if missing == "accelerators":
        runs[1].record.environment.accelerators = None
    (metric,) = speed_metrics(pair_of(*runs))
    assert metric.verdict is None
    assert metric.note == "reported, not judged: the device is not known for b"
