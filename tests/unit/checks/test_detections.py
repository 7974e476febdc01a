import functools
import json

import numpy as np
import pytest

from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import (
    TOLERANCES,
    Tolerance,
    check_differences,
    most_changed,
    summarise,
)
from retinaface.detection.detections import Detections
from retinaface.records.write import json_safe
from retinaface.verdicts import Verdict
from tests.support.made.detections import POINTS, found, row

NAMES = [
    "x: detections without a counterpart",
    "x: detections whose change nothing explains",
    "x: confident detections whose change nothing explains",
    "x: images with mostly unexplained changes",
    "x: landmarks without a counterpart",
]
FP32, FP16 = TOLERANCES["fp32"], TOLERANCES["fp16"]


def crowd(n, image=0, score=0.4):
    """Rows of boxes that do not touch, of a different size in each image."""
    side = 40 + 10 * (image % 10)
    return [(150 * (i % 40), 150 * (i // 40), side, side, score) for i in range(n)]


@functools.cache
def many(n_images=100, n=100):
    return {f"e/{i}": found(*crowd(n, i)) for i in range(n_images)}


def check(old, new, tolerance=FP32):
    checks = check_differences("x", differences(old, new), tolerance)
    assert [c.name for c in checks] == NAMES
    json.dumps([json_safe(dict(c.numbers)) for c in checks], allow_nan=False)
    return checks


def failing(checks):
    return [NAMES.index(c.name) for c in checks if c.verdict is Verdict.FAIL]


def test_a_predicted_share_counts_for_moved_detections_alone():
    old = many(20, 50)
    new = dict(old)
    for name in list(new)[:1]:
        new[name] = found(*crowd(50)[:-20])
    changed = differences(old, new)
    strict = check_differences("x", changed, FP16)
    predicted = check_differences("x", changed, FP16, predicted_share=0.03)
    assert 0 in failing(strict)
    assert set(failing(strict)) - set(failing(predicted)) == {0}
    assert failing(check_differences("x", changed, FP16, predicted_share=0.001)) == failing(strict)
    assert [c.limit for c in predicted[1:]] == [c.limit for c in strict[1:]]


def test_identical_detections_pass():
    checks = check(many(2, 50), many(2, 50))
    assert {c.verdict for c in checks} == {Verdict.PASS}
    numbers = checks[0].numbers
    assert (numbers["n"], numbers["n_all"], numbers["n_unexplained"]) == (0, 200, 0)
    assert checks[0].message == "0 of 200 (0.000%), allowed 0.050%"
    assert checks[4].numbers["shift_max"] == 0


def test_the_share_that_is_allowed_is_allowed_and_no_more():
    new = many() | {"e/0": found(*crowd(100)[10:])}
    # 10 of 19990 are 0.050 %.
    assert failing(check(many(), new, Tolerance(0.00051, 1.0, 0))) == []
    assert failing(check(many(), new, Tolerance(0.00049, 1.0, 0))) == [0]
    checks = check(many(), new, Tolerance(0.00051, 0.0001, 0))
    assert failing(checks) == [1]
    assert "10 of 19990 (0.050%), allowed 0.010%\n  e/0: lost" in checks[1].message


def test_a_few_changes_among_few_detections_are_allowed():
    rows = crowd(20)
    old = {"e/0": found(*rows)}
    assert failing(check(old, {"e/0": found(*rows[4:])})) == []
    assert failing(check(old, {"e/0": found(*rows[5:])})) == [0, 1]


def test_one_confident_detection_weighs_more_than_any_share():
    old = many()
    more = old | {"e/0": found(*crowd(100), row(7000, 0.51, top=7000))}
    for sides in ((more, old), (old, more)):
        checks = check(*sides)
        assert failing(checks) == [2]
        assert checks[2].message.startswith("1 with a score above 0.5, allowed 0\n  e/0: ")
        assert failing(check(*sides, FP16)) == []
    # Below that score it is one of many.
    less = old | {"e/0": found(*crowd(100), row(7000, 0.49, top=7000))}
    assert failing(check(old, less)) == []


def test_a_moved_confident_detection_is_one():
    rows = crowd(100)
    old = {"e/0": found(*rows, row(7000, 0.9))}
    new = {"e/0": found(*rows, row(7000, 0.8))}
    assert check(old, new)[2].message.startswith("1 with a score above 0.5, allowed 0")
    assert failing(check(old, new, FP16)) == []


def test_a_score_that_drifts_is_explained_but_has_no_counterpart():
    old = {"e/0": found(*crowd(100, score=0.8))}
    new = {"e/0": found(*crowd(100, score=0.79))}
    checks = check(old, new, FP16)
    assert failing(checks) == [0]
    assert checks[0].numbers["causes"] == {"moved: drift": 200}


def test_boxes_that_all_moved_by_little_fail():
    shifted = {
        image: Detections(d.boxes_xyxy + np.float32(3), d.scores, d.landmarks_xy + np.float32(3))
        for image, d in many(1, 100).items()
    }
    assert 0 in failing(check(many(1, 100), shifted, FP16))


def test_exchanged_eyes_fail():
    exchanged = POINTS[[1, 0, 2, 4, 3]]
    old = {"e/0": found(*crowd(50)), "e/1": found(*crowd(9, 1))}
    new = old | {"e/1": found(*crowd(9, 1), points=exchanged)}
    for tolerance in (FP32, FP16):
        checks = check(old, new, tolerance)
        assert failing(checks) == [4]
        share, line = checks[4].message.splitlines()
        assert share == f"9 of 59 (15.254%), allowed {tolerance.unmatched_share:.3%}"
        assert line == "  e/1: a landmark is 0.40 box sides off, allowed 0.05"
        assert checks[4].numbers["shift_max"] == pytest.approx(0.4, abs=1e-6)


def test_two_exchanged_images_fail_among_many():
    """Their share of all detections is too small to fail."""
    old = many() | {"e/a": found(*crowd(4, 1)), "e/b": found(*crowd(5, 6))}
    new = old | {"e/a": old["e/b"], "e/b": old["e/a"]}
    checks = check(old, new, Tolerance(0.005, 0.005, 1))
    assert failing(checks) == [3]
    assert checks[3].message.startswith("2 of 102 images: at least half of their detections")
    assert "\n  e/a: 9 of 9\n  e/b: 9 of 9" in checks[3].message


def test_an_image_without_its_detections_fails():
    new = many() | {"e/a": found()}
    old = many() | {"e/a": found(*crowd(4))}
    assert failing(check(old, new, FP16)) == [3]


def test_a_nan_fails():
    old = {"e/0": found(*crowd(50, score=0.8))}
    whole = old["e/0"]
    for bad in (
        Detections(whole.boxes_xyxy * np.float32(np.nan), whole.scores, whole.landmarks_xy),
        Detections(whole.boxes_xyxy, whole.scores * np.float32(np.nan), whole.landmarks_xy),
    ):
        assert {0, 1, 2, 3} <= set(failing(check(old, {"e/0": bad}, FP16)))


def test_only_the_worst_changes_are_listed():
    rows = crowd(200)
    new = {"e/0": found(*rows[100:])}
    lines = check({"e/0": found(*rows)}, new)[0].message.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  images with most changes: e/0 (100)"


def test_the_worst_stand_first():
    old = {"e/0": found(*crowd(50), row(0, 0.9, top=5000), row(0, 0.8, top=7000))}
    new = {"e/0": found(row(0, 0.88, top=5000))}
    lines = check(old, new)[0].message.splitlines()
    assert "score 0.8000" in lines[1]
    assert "UNEXPLAINED" in lines[1]
    assert "score 0.4000" in lines[2]


def test_a_summary_counts_by_kind_and_cause():
    old = {"e/0": found(row(0, 0.8), row(300, 0.9)), "e/1": found(row(0, 0.6))}
    new = {"e/0": found(row(40, 0.78), row(300, 0.88)), "e/1": found()}
    assert summarise(differences(old, new)) == {
        "n_compared": 5,
        "n_unmatched": 5,
        "n_unexplained": 1,
        "causes": {"gained: tie": 1, "lost: tie": 1, "lost: unexplained": 1, "moved: drift": 2},
    }


def test_the_limit_is_the_one_that_counts_where_few_changes_are_always_allowed():
    old = {"e/0": found(*crowd(50))}
    (share, *_) = check(old, {"e/0": found(*crowd(50)[:48])})
    assert (share.verdict, share.limit) == (Verdict.PASS, pytest.approx(100 * 4 / 98))
    assert share.margin > 0


def test_the_images_that_changed_most_stand_first_and_name_their_boxes():
    old = {f"e/{i}": found(*crowd(10)) for i in range(3)}
    new = {f"e/{i}": found(*crowd(10)[: 10 - i]) for i in range(3)}
    images = most_changed(differences(old, new), 2)
    assert [(one["image"], len(one["boxes"])) for one in images] == [("e/2", 2), ("e/1", 1)]
    assert images[0]["boxes"][0]["kind"] == "lost"
    assert len(images[0]["boxes"][0]["box_xyxy"]) == 4
    assert [one["image"] for one in most_changed(differences(old, new), 9)] == ["e/2", "e/1"]


def test_fp32_has_tighter_limits_than_fp16():
    assert FP32.unmatched_share < FP16.unmatched_share
    assert FP32.unexplained_share < FP16.unexplained_share
    assert FP32.n_confident < FP16.n_confident
