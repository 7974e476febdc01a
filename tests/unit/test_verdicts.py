import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.verdicts import (
    Check,
    Verdict,
    is_faster,
    judge_interval,
    judge_time_ratio,
    verdict_line,
    worst,
)

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NAN = float("nan")


def test_exit_codes_are_those_that_the_command_line_promises():
    assert {str(v): v.exit_code for v in Verdict} == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 10}


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_the_worst_does_not_depend_on_order_or_number(verdicts):
    order = [PASS, INCONCLUSIVE, FAIL]
    assert worst(verdicts) is max(verdicts, key=order.index)
    assert worst(iter(reversed(verdicts * 2))) is worst(verdicts)


def test_a_run_without_verdicts_does_not_pass():
    assert worst([]) is INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0, PASS),
        (-0.1, 0.1, PASS),
        (-0.1, 0.11, INCONCLUSIVE),
        (-0.11, 0.1, INCONCLUSIVE),
        (-5, 5, INCONCLUSIVE),
        (0.1, 0.2, INCONCLUSIVE),
        (-0.2, -0.1, INCONCLUSIVE),
        (0.11, 0.2, FAIL),
        (-0.2, -0.11, FAIL),
        (NAN, NAN, FAIL),
        (NAN, 0, FAIL),
        (0, NAN, FAIL),
        (-np.inf, np.inf, INCONCLUSIVE),
        (np.inf, np.inf, FAIL),
    ],
)
def test_an_interval_passes_inside_delta_and_fails_outside(low, high, expected):
    assert judge_interval(low, high, 0.1) is expected


@given(st.floats(-9, 9), st.floats(0, 9), st.floats(0.01, 9))
def test_judging_an_interval_is_symmetrical(low, width, delta):
    """An unexplained gain is a change just like a loss."""
    high = low + width
    assert judge_interval(low, high, delta) is judge_interval(-high, -low, delta)


@pytest.mark.parametrize(
    ("low", "high", "expected", "faster"),
    [
        (0.95, 1.05, PASS, False),
        (1.05, 1.1, PASS, False),
        (1.05, 1.11, INCONCLUSIVE, False),
        (1.1, 1.2, INCONCLUSIVE, False),
        (0.1, 9, INCONCLUSIVE, False),
        (1.11, 1.2, FAIL, False),
        (0.8, 0.9, PASS, False),
        (0.8, 0.89, PASS, True),
    ],
)
def test_only_a_slowdown_beyond_the_noise_fails(low, high, expected, faster):
    assert judge_time_ratio(low, high, 0.1) is expected
    assert is_faster(high, 0.1) is faster


def test_the_line_of_the_verdict_names_the_data_if_there_is_a_note():
    assert verdict_line(PASS) == "VERDICT: PASS"
    assert verdict_line(FAIL, "embedded set") == "VERDICT: FAIL (embedded set)"


def test_a_check_reads_as_one_sentence():
    assert str(Check("AP easy", FAIL, "80.1, baseline 80.9")) == "FAIL AP easy: 80.1, baseline 80.9"


@pytest.mark.parametrize(
    ("value", "baseline", "limit", "margin"),
    [
        (0.5, None, 1.0, 0.5),
        (3.0, None, 1.0, -2.0),
        (82.5, 83.0, 0.6, 0.1),
        (83.5, 83.0, 0.6, 0.1),
        (None, None, 1.0, None),
        (1.0, None, None, None),
    ],
)
def test_a_margin_is_the_distance_to_the_limit(value, baseline, limit, margin):
    check = Check("x", PASS, "", value=value, baseline=baseline, limit=limit)
    assert check.margin == (None if margin is None else pytest.approx(margin))
    assert check.as_json()["margin"] == check.margin
