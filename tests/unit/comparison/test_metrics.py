import numpy as np
import pytest

from retinaface.checks.accuracy import smallest_effect
from retinaface.comparison.metrics import (
    ap_metrics,
    detection_metrics,
    image_differences,
    precision_of,
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


def test_images_of_the_same_names_with_other_contents_do_not_compare(tmp_path):
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
    note = f"with other contents, 1 of {N} images, first {IMAGES[1]}: not comparable"
    assert note in found[0].note


def test_a_result_without_ap_has_no_metric_of_it(two):
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
