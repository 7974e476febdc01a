import numpy as np
import pytest

from retinaface.checks.accuracy import smallest_effect
from retinaface.checks.intervals import Interval
from retinaface.comparison.metrics import (
    ap_metrics,
    detection_metrics,
    image_differences,
    precision_of,
)
from retinaface.comparison.pairs import Pair
from retinaface.comparison.text import DETECTION_UNITS, interval_text
from retinaface.records.result_id import ResultId
from retinaface.records.write import images_sha256
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
            result={"image_files_sha256": images_sha256(by_image)},
            image_sha256=by_image,
        )
        for name in "ab"
        for by_image in [dict.fromkeys(IMAGES, "0" * 64) | {IMAGES[1]: name * 64}]
    )
    found = ap_metrics(pair_of(*runs))
    assert {str(metric.verdict) for metric in found} == {"INCONCLUSIVE"}
    note = f"with different contents, 1 of {N} images, first {IMAGES[1]}: not comparable"
    assert note in found[0].note


def test_a_result_without_ap_has_no_ap_metric(two):
    assert ap_metrics(two(result={"ap": {}})) == []


def test_tolerances_are_those_of_fp16_where_either_side_is(tmp_path):
    old = make_run(tmp_path / "a")
    half = ResultId("ort-cpu-fp16", "igie", 32)
    new = make_run(tmp_path / "b", ids=(str(half),))
    assert precision_of(Pair((old, new), (RESULT, str(half)))) == "fp16"
    assert precision_of(pair_of(old, old)) == "fp32"


@pytest.mark.parametrize(
    ("stated", "held_to"), [("", "fp32"), ("fp32", "fp32"), ("fp16", "fp16"), ("int8", "fp16")]
)
def test_a_result_without_a_precision_is_held_to_fp32(two, stated, held_to):
    """As one of `score`, which knows predictions alone."""
    pair = two()
    for result in pair.results:
        result.precision = stated
    assert precision_of(pair) == held_to


def test_every_figure_on_detections_is_a_share_a_count_or_an_offset(two):
    metrics = detection_metrics(two())
    assert {metric.unit for metric in metrics} == set(DETECTION_UNITS)
    shares = [metric for metric in metrics if metric.unit in ("%", "count")]
    offsets = [metric for metric in metrics if metric.unit in ("px", "score")]
    assert len(shares) >= 4
    assert {metric.new for metric in shares} == {0}
    assert len(offsets) == 7
    assert {metric.change for metric in offsets} == {Interval(0, 0, 0)}


def test_a_shift_below_what_a_match_allows_is_a_change_with_its_interval(two):
    metrics = detection_metrics(two(shift=0.3))
    moved = {metric.name: metric for metric in metrics if str(metric.verdict) == "FAIL"}
    axes = [f"mean offset of {what} in {axis}" for what in ("boxes", "landmarks") for axis in "xy"]
    assert list(moved) == axes
    first = moved[axes[0]]
    assert first.change.estimate == pytest.approx(0.3, abs=1e-5)
    assert first.note.startswith("boxes of any size lie 0.300 px to the right")
    assert (first.old, first.new, first.unit) == (None, None, "px")
    assert interval_text(first) == "+0.300 [+0.300, +0.300]"


def test_no_common_detection_leaves_offsets_undecided(two):
    *_, last = detection_metrics(two(shift=20.0))
    assert (str(last.verdict), last.change) == ("INCONCLUSIVE", None)


def test_images_are_compared_one_by_one(two):
    found = image_differences(two(shift=20.0))
    assert len(found) == N
    assert all(len(one.changes) == 12 for one in found)
