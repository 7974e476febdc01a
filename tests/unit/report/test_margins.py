"""What is left of the room of a check: the share, the words, the bar, and which is weakest."""

import math

import pytest

from retinaface.records.schema import CheckResult
from retinaface.report.margins import Margin, figure, left_text, margins_of, text_bar, weakest_each
from retinaface.verdicts import Check, Question, Verdict
from tests.support.made.records import RESULT, entry, make_run
from tests.support.made.reports import answer_of, check_of

OF_BASELINE = {"baseline": 76.9, "unit": "points"}


def margin(*of, verdict="PASS", engine="e", pipeline="", **more):
    data = check_of("x", *of, verdict, **more) | {"verdict": Verdict(verdict)}
    return Margin(CheckResult(**data), Question.AP, engine, pipeline)


@pytest.mark.parametrize(
    ("found", "share", "text"),
    [
        (margin(0.25, 1.0, unit="of the limit"), 0.75, "0.25 of the limit"),
        (margin(30.0, 1.0, unit="of the limit"), -29.0, "30 times the limit"),
        (margin(76.7, 0.6, **OF_BASELINE), 2 / 3, "76.70, baseline 76.90, ±0.60 points"),
        (margin(1.0, 1.15, unit="times the baseline", rest=1.0), 1.0, "1 x, at most 1.15 x"),
        (margin(1.03, 1.08, unit="times it", rest=1.0), 0.625, "1.03 x, at most 1.08 x"),
        (margin(0.1, 0.5, unit="%"), 0.8, "0.1 %, at most 0.5 %"),
    ],
)
def test_the_share_left_is_of_the_room_between_rest_and_limit(found, share, text):
    assert found.share == pytest.approx(share)
    assert found.sentence == text


def test_where_nothing_is_allowed_there_is_no_share():
    assert margin(0, 0, unit="count").share is None
    plain = Check("x", Verdict.PASS, "fine").as_json() | {"verdict": Verdict.PASS}
    assert Margin(CheckResult(**plain), None, "", "").share is None


@pytest.mark.parametrize(
    ("share", "words", "bar"),
    [
        (1.0, "100 % left", "█" * 10),
        (1.17, "100 % left", "█" * 10),
        (0.71, "71 % left", "███████░░░"),
        (0.034, "3.4 % left", "░" * 10),
        (-2.0, "over the limit", "x" * 10),
        (math.nan, "not a number", "x" * 10),
        (None, "yes or no", "·" * 10),
    ],
)
def test_a_bar_is_read_without_colour(share, words, bar):
    assert (left_text(share), text_bar(share)) == (words, bar)


def test_the_weakest_come_from_different_places_and_failures_first():
    found = [
        margin(0.9, 1.0),
        margin(0.8, 1.0),
        margin(0.5, 1.0, engine="f"),
        margin(0.1, 1.0, verdict="FAIL", engine="g"),
        margin(float("nan"), 1.0, verdict="FAIL", engine="h"),
    ]
    chosen = [(one.engine, one.check.value) for one in weakest_each(found, 9)]
    assert chosen[1:] == [("g", 0.1), ("e", 0.9), ("f", 0.5)]
    assert chosen[0][0] == "h"
    assert len(weakest_each(found, 2)) == 2


def test_what_is_not_decided_is_no_weaker_than_its_figure():
    found = [margin(0.2, 1.0, verdict="INCONCLUSIVE"), margin(0.9, 1.0, engine="f")]
    assert [one.engine for one in weakest_each(found, 2)] == ["f", "e"]


def test_checks_of_older_records_are_those_of_their_results(tmp_path):
    check = check_of("AP easy", 1.0, 2.0)
    old = make_run(tmp_path / "old", tests=[entry("t::a")], result={"checks": [check]})
    (one,) = margins_of(old)
    assert (one.question, one.where) == (None, "ort-cpu-fp32 · igie")
    new = make_run(tmp_path / "new", tests=[answer_of("ap", "PASS", check)], ids=(RESULT,))
    (one,) = margins_of(new)
    assert (one.question, one.where) == (Question.AP, "ort-cpu-fp32")


def test_figures_are_as_short_as_their_unit_allows():
    texts = [figure(0.12345, "px"), figure(12345.6, ""), figure(math.inf, "%"), figure(3, "count")]
    assert texts == ["0.123 px", "12346", "inf", "3"]
