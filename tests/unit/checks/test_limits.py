"""Limits wider than the suite's own are told, and want a reason that somebody wrote."""

from pathlib import Path

import pytest

from retinaface.baselines.entries import Entry, load_baselines
from retinaface.checks.limits import check_limits, has_own_reason, limits_note, wider_limits
from retinaface.verdicts import Verdict
from tests.support.made.baselines import accuracy, timing

ROOT = Path(__file__).resolve().parents[3]
WHY = "a board of early silicon, whose maker allows this"


def entry_of(data, reason=None, **limits):
    changes = {"tolerance": data["tolerance"] | limits} | ({"reason": reason} if reason else {})
    return Entry(data | changes, Path("any/b.json"))


def test_no_accepted_baseline_is_wider_than_the_suite_itself():
    entries = load_baselines(ROOT / "baselines")
    assert len(entries) > 10
    for entry in entries:
        is_embedded = entry.data.get("n_images") == 67
        assert wider_limits(entry, is_embedded=is_embedded) == [], str(entry)


WIDER = {
    "ap": ({"ap_points": 30}, "AP 30 points (0.5)"),
    "unmatched": ({"unmatched_share": 0.5}, "detections without a counterpart 50.000% (0.050%)"),
    "unexplained": (
        {"unexplained_share": 0.02},
        "detections whose change nothing explains 2.000% (0.010%)",
    ),
    "confident": (
        {"n_confident": 9},
        "confident detections whose change nothing explains 9 (0)",
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_a_wider_limit_of_accuracy_is_told_beside_the_suites_own(name):
    limits, text = WIDER[name]
    entry = entry_of(accuracy(), WHY, **limits)
    assert wider_limits(entry) == [text]
    assert limits_note(entry) == (
        f"limits wider than the suite's own: {text}, because: {WHY} ({entry})"
    )
    assert check_limits("baseline", entry) is None


@pytest.mark.parametrize("name", WIDER)
def test_a_wider_limit_with_the_reason_that_the_suite_writes_decides_nothing(name):
    limits, text = WIDER[name]
    check = check_limits("baseline", entry_of(accuracy(), **limits))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert f"limits wider than the suite's own: {text}, and no reason why" in check.message
    assert "write in `reason` of b.json why they are right" in check.message


@pytest.mark.parametrize(
    "reason",
    [
        "30 points is the smallest effect that counts over 434 images; the shares are what fp32 "
        "rounding on another runtime showed, with room",
        "30 points is the smallest effect that counts over 67 embedded images; the shares are "
        "what fp16 rounding on another runtime showed, with room",
    ],
)
def test_the_reason_that_the_suite_writes_is_known_by_other_numbers_too(reason):
    assert not has_own_reason(entry_of(accuracy(), reason, ap_points=30))


def test_the_embedded_set_has_a_limit_of_its_own():
    entry = entry_of(accuracy(n_images=67), ap_points=0.6)
    assert wider_limits(entry) == ["AP 0.6 points (0.5)"]
    assert wider_limits(entry, is_embedded=True) == []


def test_narrower_limits_and_those_of_the_suite_are_not_told():
    for entry in (entry_of(accuracy()), entry_of(accuracy(), ap_points=0.01), entry_of(timing())):
        assert limits_note(entry) == ""
        assert check_limits("baseline", entry) is None


@pytest.mark.parametrize(
    ("runs", "own"), [([], "15.0%"), ([[0.01]], "15.0%"), ([[0.01], [0.0101]], "5.0%")]
)
def test_a_wider_band_of_speed_is_told_beside_what_its_runs_give(runs, own):
    entry = entry_of(timing(samples_s=runs), relative=0.8)
    assert wider_limits(entry) == [f"times 80.0% ({own})"]
    assert check_limits("speed baseline", entry).verdict is Verdict.INCONCLUSIVE
    assert check_limits("speed baseline", entry_of(entry.data, WHY)) is None


def test_published_figures_have_the_room_of_their_one_decimal():
    data = accuracy(n_images=3226) | {"source": {"kind": "published", "by": "a paper"}}
    data["tolerance"] = {"ap_points": 0.15}
    assert wider_limits(Entry(data, Path("b.json"))) == []
    assert wider_limits(entry_of(data, ap_points=5)) == ["AP 5 points (0.15)"]
