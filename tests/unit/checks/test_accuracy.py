import functools
import re
from dataclasses import replace

import numpy as np
import pytest

from retinaface.baselines.detections_file import write_detections
from retinaface.baselines.entries import Entry
from retinaface.checks.accuracy import (
    accuracy_entry,
    check_ap,
    check_detections,
    check_published,
    check_shifts,
    not_comparable,
    smallest_effect,
)
from retinaface.checks.ap_changes import compare_with_entry
from retinaface.checks.detections import TOLERANCES
from retinaface.checks.intervals import paired_ap_intervals
from retinaface.verdicts import Verdict
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS
from tests.support.made.ap_baseline import (
    BESIDE,
    COUNTED,
    FACES,
    N_IMAGES,
    NAMES,
    baseline_of_usual,
    detections,
    truth_of,
    usual,
    without,
)

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    few = functools.partial(paired_ap_intervals, n_resamples=200)
    monkeypatch.setattr("retinaface.checks.accuracy.paired_ap_intervals", few)


@pytest.fixture
def entry(tmp_path):
    """A baseline of the usual detections."""
    return baseline_of_usual(tmp_path)


def with_delta(entry, points):
    return Entry(entry.data | {"tolerance": {"ap_points": points}}, entry.path)


def ap_checks(entry, measured, truth=None):
    checks = check_ap(entry, compare_with_entry(entry, measured, truth or truth_of()))
    names = ["evaluation of the accepted detections", *(f"AP {split}" for split in SPLITS)]
    assert [check.name for check in checks] == names
    return checks


def verdicts(checks):
    return [check.verdict for check in checks]


def test_the_same_detections_pass_with_a_difference_of_nothing(entry):
    checks = ap_checks(entry, usual())
    assert verdicts(checks) == [PASS] * 4
    for check, split in zip(checks[1:], SPLITS, strict=True):
        assert dict(check.numbers) == {"difference": 0, "low": 0, "high": 0, "delta": 0.5}
        value = f"{entry.data['value'][split]:.2f}"
        interval = "95% interval [+0.000, +0.000], allowed +-0.5"
        assert check.message == f"{value}, baseline {value}: +0.000 points, {interval}"
    comparison = compare_with_entry(entry, usual(), truth_of())
    assert set(verdicts(check_detections(entry, comparison, "fp32"))) == {PASS}


def test_lost_detections_fail_and_the_evaluation_is_cleared(entry):
    lost = NAMES[::2]
    checks = ap_checks(entry, without(usual(), *lost))
    assert verdicts(checks) == [PASS, FAIL, FAIL, FAIL]
    assert all(check.numbers["high"] < -0.5 for check in checks[1:])
    comparison = compare_with_entry(entry, without(usual(), *lost), truth_of())
    assert FAIL in verdicts(check_detections(entry, comparison, "fp32"))


def test_an_unexplained_gain_fails_too(entry):
    perfect = {name: detections(FACES, np.linspace(0.9, 0.6, 4)) for name in NAMES}
    checks = ap_checks(entry, perfect)
    assert verdicts(checks) == [PASS, FAIL, FAIL, FAIL]
    assert all(check.numbers["low"] > 0.5 for check in checks[1:])


def test_a_moved_evaluation_is_distinguished_from_moved_detections(entry):
    value = dict(entry.data["value"])
    moved = Entry(entry.data | {"value": value | {"medium": value["medium"] + 0.02}}, entry.path)
    checks = ap_checks(moved, usual())
    assert verdicts(checks) == [FAIL, PASS, PASS, PASS]
    assert "the evaluation or the ground truth moved, not the detections" in checks[0].message
    assert checks[0].numbers["off_points"]["medium"] == pytest.approx(-0.02, abs=1e-4)
    hair = Entry(entry.data | {"value": value | {"medium": value["medium"] + 0.004}}, entry.path)
    assert verdicts(ap_checks(hair, usual())) == [PASS] * 4


def test_a_moved_ground_truth_is_distinguished_from_moved_detections(entry):
    counted = COUNTED.copy()
    counted[1] = False
    other = replace(truth_of(), counted=(counted,) * N_IMAGES)
    assert verdicts(ap_checks(entry, usual(), other)) == [FAIL, PASS, PASS, PASS]


def test_one_image_of_forty_is_inconclusive_or_within_a_wider_delta(entry):
    measured = without(usual(), NAMES[3])
    checks = ap_checks(entry, measured)
    assert verdicts(checks) == [PASS, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE]
    assert verdicts(ap_checks(with_delta(entry, 20), measured)) == [PASS] * 4


def test_the_first_bad_check_names_images_and_events(entry):
    checks = ap_checks(entry, without(usual(), NAMES[3], NAMES[5], NAMES[30]))
    first, *rest = [check.message for check in checks if check.verdict is not PASS]
    assert "AP points by image (easy, medium, hard), those that cost most:" in first
    named = re.findall(r"^  (\S+): -\d\.\d{3} -\d\.\d{3} -\d\.\d{3}$", first, re.MULTILINE)
    assert sorted(named) == sorted([NAMES[3], NAMES[5], NAMES[30]])
    assert re.search(r"by event: 0--Parade -\d.*; 1--Riot -\d", first)
    assert "AP points by image" not in "".join(rest)


def test_images_beyond_the_baseline_are_left_out(entry):
    """So are their scores, which would stretch the range that all scores are mapped to."""
    more = [*NAMES, "2--Extra/a", "2--Extra/b"]
    measured = usual() | {name: detections(BESIDE, [1.0]) for name in more[N_IMAGES:]}
    comparison = compare_with_entry(entry, measured, truth_of(more[::-1]))
    assert comparison.truth.images == tuple(NAMES)
    assert set(comparison.measured) == set(NAMES)
    assert verdicts(check_ap(entry, comparison)) == [PASS] * 4


def test_an_image_that_the_run_lacks_is_one_with_all_faces_missed(entry):
    lacking = {name: found for name, found in usual().items() if name != NAMES[3]}
    one, other = (
        [check.numbers for check in ap_checks(entry, measured)]
        for measured in (lacking, without(usual(), NAMES[3]))
    )
    assert one == other


def test_an_entry_may_state_its_own_tolerance(entry):
    lost = {name: d.above(0.2) for name, d in usual().items()}
    comparison = compare_with_entry(entry, lost, truth_of())
    assert check_detections(entry, comparison, "fp32")[0].verdict is FAIL
    stated = {"ap_points": 1, "unmatched_share": 1, "unexplained_share": 1, "n_confident": 999}
    wide = Entry(entry.data | {"tolerance": stated}, entry.path)
    assert set(verdicts(check_detections(wide, comparison, "fp32"))) == {PASS}
    check = check_detections(with_delta(entry, 1), comparison, "fp16")[0]
    assert check.numbers["allowed"] == TOLERANCES["fp16"].unmatched_share


def test_what_rounding_to_a_file_does_is_no_shift(entry):
    """The stored corners lie 1/32 px towards zero in the mean, and landmarks up to 1/128 off."""
    between = {name: moved(found, 0.04) for name, found in usual().items()}
    write_detections(entry.detections_path, between)
    checks = check_shifts(compare_with_entry(entry, between, truth_of()), "fp32")
    assert set(verdicts(checks)) == {PASS}
    assert {check.value for check in checks} == {0}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_shift_that_leaves_every_counterpart_fails(entry, precision):
    shifted = {name: moved(found, 3 / 16) for name, found in usual().items()}
    comparison = compare_with_entry(entry, shifted, truth_of())
    assert set(verdicts(check_detections(entry, comparison, precision))) == {PASS}
    checks = check_shifts(comparison, precision)
    failed = [check for check in checks if check.verdict is FAIL]
    assert [check.name for check in failed] == [
        "against the baseline: mean offset of boxes in x",
        "against the baseline: mean offset of landmarks in x",
    ]
    assert failed[0].value == pytest.approx(3 / 16)


def moved(found, right_px):
    """The same, so much further to the right."""
    right = np.float32([right_px, 0])
    boxes = found.boxes_xyxy + np.tile(right, 2)
    return replace(found, boxes_xyxy=boxes, landmarks_xy=found.landmarks_xy + right)


PUBLISHED = {
    "value": {"easy": 80.5, "medium": 70.0, "hard": 40.0},
    "tolerance": {"ap_points": 0.3},
    "source": {"kind": "published", "by": "the vendor"},
    "reason": "rounded to one digit",
}


def test_a_published_figure_is_met_within_its_tolerance(entry):
    published = Entry(entry.data | PUBLISHED, entry.path)
    checks = check_published(published, {"easy": 0.8021, "medium": 0.7031, "hard": 0.3969})
    assert [c.name for c in checks] == [f"published AP {split}" for split in SPLITS]
    assert verdicts(checks) == [PASS, FAIL, FAIL]
    assert checks[1].message == (
        "70.31, published 70.00 by the vendor; allowed +-0.3 points (rounded to one digit)"
    )
    assert verdicts(check_published(published, dict.fromkeys(SPLITS, np.nan))) == [FAIL] * 3


def test_a_baseline_that_is_not_comparable_is_no_pass_and_names_what_differs(entry):
    check = not_comparable((entry, {"n_images": (3226, 434), "weights_sha256": ("a" * 64, None)}))
    assert check.verdict is INCONCLUSIVE
    assert check.message.startswith(
        f"not comparable with {entry}: n_images: baseline 3226, run 434, "
        f"weights_sha256: baseline {'a' * 16}, run None; name another with --baseline"
    )
    assert check.numbers["differing"]["n_images"] == [3226, 434]


def test_fewer_images_ask_for_a_larger_effect():
    assert smallest_effect(OFFICIAL_N_IMAGES) < smallest_effect(OFFICIAL_N_IMAGES - 1)
    assert smallest_effect(OFFICIAL_N_IMAGES) == 0.1
    assert smallest_effect(67, is_embedded=True) == 0.6


def test_an_entry_keeps_percent_and_the_tolerances_of_its_precision():
    data = accuracy_entry(
        pipeline="igie",
        precision="fp16",
        batch=1,
        ap={"easy": 0.812345678, "medium": 0.7, "hard": 0.4},
        images_sha256="a" * 64,
        n_images=OFFICIAL_N_IMAGES,
        weights_sha256=None,
    )
    assert data["value"] == {"easy": 81.2346, "medium": 70.0, "hard": 40.0}
    assert data["tolerance"] == {"ap_points": 0.1, **vars(TOLERANCES["fp16"])}
    assert (data["device"], data["unit"]) == ("any", "percent")
