"""Agreement passes, fails or is undecided by its intervals, and a few broken images fail it."""

from dataclasses import replace

import numpy as np
import pytest

from retinaface.checks.agreement.judged import SHARE, check_agreement
from retinaface.checks.agreement.shares import ShareSums
from retinaface.checks.agreement.sums import sum_up
from retinaface.checks.detection_changes import differences
from retinaface.verdicts import Verdict, worst
from tests.support.made.detections import found, row

ROWS = [row(left, 0.9 - left / 4000, top) for left in range(0, 1000, 200) for top in (0, 200, 400)]
FP32, ACROSS = ("fp32", "fp32"), ("fp32", "fp16")


def compared(n, change, precisions=FP32):
    """Compare `n` images, of which `change` makes the new rows by number."""
    old = {str(i): found(*ROWS) for i in range(n)}
    new = {str(i): found(*change(i)) for i in range(n)}
    return check_agreement(sum_up(differences(old, new), {}, precisions), precisions)


def same(_):
    return ROWS


def not_passed(checks):
    return {check.name: check.verdict for check in checks if check.verdict is not Verdict.PASS}


def test_the_same_detections_in_many_images_pass():
    checks = compared(700, same)
    assert not_passed(checks) == {}
    assert len(checks) == 12
    assert checks[0].message.startswith("0 of 21000 (0 %) [0 %, 0.03")


def test_few_images_are_undecided_and_say_how_many_would_do():
    checks = compared(100, same)
    assert not_passed(checks) == {SHARE: Verdict.INCONCLUSIVE}
    n = checks[0].numbers["n_images_to_decide"]
    assert f"about {n} such images would decide" in checks[0].message
    assert not_passed(compared(n, same)) == {}


def test_boxes_that_are_missing_in_every_eighth_image_fail_by_their_share():
    checks = compared(160, lambda i: ROWS[3:] if i % 8 == 0 else ROWS)
    assert checks[0].verdict is Verdict.FAIL
    assert "in 20 of 160 images" in checks[0].message
    assert ": lost, score" in checks[0].message
    assert all(verdict is Verdict.FAIL for verdict in not_passed(checks).values())


def test_boxes_that_are_moved_fail_by_their_offset_alone():
    moved = [(left + 1, top, width, height, s) for left, top, width, height, s in ROWS]
    failed = not_passed(compared(700, lambda _: moved))
    assert failed == {
        "mean offset of boxes in x": Verdict.FAIL,
        "mean offset of landmarks in x": Verdict.FAIL,
    }


def test_a_single_broken_image_of_many_fails():
    checks = compared(700, lambda i: [] if i == 300 else ROWS)
    assert not_passed(checks)["images with mostly unexplained changes"] is Verdict.FAIL
    assert "300: lost" in next(c.message for c in checks if c.name.startswith("images with"))


def test_fp16_on_one_side_has_the_limits_of_fp16():
    one_more = [*ROWS[1:], row(0, 0.893)]  # a score that moved as FP16 moves it
    few = lambda i: one_more if i % 100 == 0 else ROWS  # noqa: E731
    assert not_passed(compared(700, few, ACROSS)) == {}
    assert compared(700, few, ACROSS)[0].numbers["allowed"] == 0.005
    assert compared(700, few)[0].numbers["allowed"] == 0.0005


def test_no_detection_at_all_measures_nothing():
    old = {str(i): found() for i in range(9)}
    (check,) = check_agreement(sum_up(differences(old, old), {}, FP32), FP32)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.message.startswith("neither engine found a face in 9 images")


def test_one_image_says_nothing_of_others():
    checks = compared(1, same)
    assert checks[0].verdict is Verdict.INCONCLUSIVE
    assert "give two or more" in checks[0].message
    assert worst(check.verdict for check in checks) is Verdict.INCONCLUSIVE


def test_an_undecided_offset_says_how_many_images_would_do():
    rng = np.random.default_rng(0)
    shifts = rng.normal(0.0, 1.0, 30)

    def moved(i):
        return [(left + shifts[i], *others) for left, *others in ROWS]

    checks = compared(30, moved)
    check = next(c for c in checks if c.name == "mean offset of boxes in x")
    assert check.verdict is Verdict.INCONCLUSIVE
    assert f"about {check.numbers['n_images_to_decide']} such images" in check.message
    assert check.numbers["n_images_to_decide"] > 30


def test_a_share_at_the_limit_has_no_number_of_images():
    sums = sum_up(differences({"a": found(*ROWS), "b": found(*ROWS)}, {}), {}, FP32)
    at_limit = ShareSums(500, 10, 20_000, 10, 400, 800_000)
    check = check_agreement(replace(sums, n_images=500, unmatched=at_limit), FP32)[0]
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "no number of images would decide" in check.message
    with pytest.raises(KeyError):
        check.numbers["nothing"]
