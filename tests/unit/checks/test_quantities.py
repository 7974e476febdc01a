import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.checks.quantities import (
    RESOLUTION,
    SUM_LIMIT,
    check_probabilities,
    largest_sum_error,
    log_odds,
    quantity,
)
from retinaface.verdicts import Verdict

PRECISIONS = pytest.mark.parametrize("precision", ["fp32", "fp16"])


def softmax(logits):
    """Probabilities of background and face for differences of logits, in float64."""
    face = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    return np.stack([1 - face, face], axis=-1)


@given(st.floats(-7, 7))
def test_log_odds_give_back_the_difference_of_the_logits(logit):
    for precision in ("fp32", "fp16"):
        assert log_odds(softmax(logit), precision)[0] == pytest.approx(logit, abs=1e-9)


@PRECISIONS
def test_log_odds_end_at_what_the_type_resolves(precision):
    most = -np.log(RESOLUTION[precision])
    assert log_odds(np.array([1.0, 0.0]), precision)[0] == pytest.approx(-most)
    assert log_odds(np.array([0.0, 1.0]), precision)[0] == pytest.approx(most)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-3], ids=str)
def test_what_is_no_probability_has_no_log_odds(value):
    conf = softmax([[0.5, -3.0]])
    conf[0, 1, 0] = value
    assert np.isnan(log_odds(conf, "fp32")).ravel().tolist() == [False, True]


def test_a_relative_error_of_a_millionth_moves_log_odds_by_as_much_and_no_more():
    """The background next to 1 is what made such an engine fail."""
    rng = np.random.default_rng(0)
    exact = softmax(rng.uniform(-15, 5, 1000))
    noisy = exact * (1 + 1e-6 * rng.standard_normal(exact.shape))
    off = np.abs(log_odds(noisy, "fp32") - log_odds(exact, "fp32"))
    assert 1e-6 < off.max() < 1e-5
    assert largest_sum_error(noisy) < SUM_LIMIT["fp32"]


def test_other_outputs_are_judged_as_they_are():
    loc = np.array([[1.5, -2.0]], np.float32)
    assert quantity("loc", loc, "fp16").tolist() == loc.tolist()
    assert quantity("loc", loc, "fp16").dtype == np.float64


@PRECISIONS
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_fault_in_the_background_alone_fails(precision, sign):
    conf = softmax(np.linspace(-6, 2, 40)).reshape(2, 20, 2)
    for size, verdict in ((0.9, Verdict.PASS), (1.2, Verdict.FAIL)):
        wrong = conf.copy()
        wrong[1, 3, 0] += sign * size * SUM_LIMIT[precision]
        check = check_probabilities("engine", wrong, precision)
        assert check.verdict is verdict
        assert ("at (image, prior) (1, 3): " in check.message) is (verdict is Verdict.FAIL)


def test_logits_and_numbers_that_are_none_fail():
    for conf in (np.array([[3.0, 2.0]]), np.full((4, 2), np.nan), np.array([[np.inf, 0.0]])):
        assert check_probabilities("engine", conf, "fp16").verdict is Verdict.FAIL
