import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.checks.quantities import SUM_LIMIT, check_probabilities, label, quantity
from retinaface.checks.raw_outputs import (
    check_fidelity,
    largest_allowed,
    output_errors,
    worst_ratio,
)
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.reference.floors import FACTORS
from retinaface.reference.stored import ReferenceCase
from retinaface.verdicts import Verdict

# The noise floor of the cases here: far above what float32 rounds their values to.
FLOOR = {"fp32": 1e-4, "fp16": 1e-2}
PRECISIONS = pytest.mark.parametrize("precision", ["fp32", "fp16"])


# What is judged of each output: of `conf` one number, its log-odds.
WIDTHS = {"loc": 4, "conf": 1, "landmarks": 10}


def case(n=2, n_priors=50):
    """Values of about 1; each rounding is off by its floor, up here and down there."""
    rng = np.random.default_rng(0)
    judged = {
        name: rng.uniform(0.5, 1, (n, n_priors, width)).astype(np.float32).astype(np.float64)
        for name, width in WIDTHS.items()
    }
    float32, float16 = (
        {name: output(name, a + floor * rng.choice([-1, 1], a.shape)) for name, a in judged.items()}
        for floor in FLOOR.values()
    )
    exact = {name: as_given(name, a) for name, a in judged.items()}
    return ReferenceCase("scene", np.zeros((n, 3, 8, 8), np.float32), exact, float32, float16)


def as_given(name, judged):
    """The output with these judged values; probabilities of log-odds."""
    if name != "conf":
        return judged
    with np.errstate(over="ignore", invalid="ignore"):
        face = 1 / (1 + np.exp(-judged))
    return np.concatenate([1 - face, face], axis=-1)


def output(name, judged):
    return as_given(name, judged).astype(np.float32)


CASE = case()
JUDGED = {name: quantity(name, CASE.exact[name], "fp32") for name in OUTPUT_NAMES}


def outputs(**changes):
    """The exact values, plus something in what is judged of some of the outputs."""
    return RawOutputs(*(output(n, JUDGED[n] + changes.get(n, 0.0)) for n in OUTPUT_NAMES))


def spike(name, size, index=(1, 7, 1)):
    error = np.zeros(JUDGED[name].shape)
    error[(*index[:2], min(index[2], WIDTHS[name] - 1))] = size
    return {name: error}


def check(found, precision):
    return check_fidelity("export", output_errors(found, CASE, precision))


@PRECISIONS
def test_exact_outputs_pass(precision):
    result = check(outputs(), precision)
    assert result.verdict is Verdict.PASS
    assert result.numbers["ratio"] < 1e-2
    assert worst_ratio(outputs(), CASE, precision) == result.numbers["ratio"]


@PRECISIONS
def test_the_reference_itself_is_one_noise_floor_off(precision):
    found = RawOutputs(*(CASE.rounded(precision)[name] for name in OUTPUT_NAMES))
    for error in output_errors(found, CASE, precision):
        assert error.max_abs == error.floor_max == pytest.approx(FLOOR[precision], rel=1e-2)
        assert error.rms == error.floor_rms
        assert error.ratio == pytest.approx(1 / FACTORS[precision].rms)


@PRECISIONS
@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_one_value_may_be_off_by_the_factor_of_the_largest_and_no_more(precision, name):
    allowed = FACTORS[precision].largest * FLOOR[precision]
    for size, verdict in ((0.98, Verdict.PASS), (1.02, Verdict.FAIL)):
        found = outputs(**spike(name, -size * allowed))
        assert check(found, precision).verdict is verdict
        assert (worst_ratio(found, CASE, precision) <= 1) is (verdict is Verdict.PASS)


@PRECISIONS
@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_all_values_may_be_off_by_the_factor_of_the_rms_and_no_more(precision, name):
    allowed = FACTORS[precision].rms * FLOOR[precision]
    for size, verdict in ((0.98, Verdict.PASS), (1.02, Verdict.FAIL)):
        found = outputs(**{name: size * allowed})
        assert check(found, precision).verdict is verdict
        assert (worst_ratio(found, CASE, precision) <= 1) is (verdict is Verdict.PASS)


def test_an_error_that_fp16_allows_fails_in_fp32():
    found = RawOutputs(*(CASE.float16[name] for name in OUTPUT_NAMES))
    assert check(found, "fp16").verdict is Verdict.PASS
    assert check(found, "fp32").verdict is Verdict.FAIL


@PRECISIONS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_one_value_that_is_no_number_fails_and_is_named(precision, value, name):
    found = outputs()
    found[OUTPUT_NAMES.index(name)][1, 31, 0] = value
    result = check(found, precision)
    got = np.nan if name == "conf" else value  # there are no log-odds of an infinity
    assert result.verdict is Verdict.FAIL
    assert f"scene {label(name)}: error" in result.message
    assert f"worst at (image, prior, value) (1, 31, 0): got {got:g}, expected" in result.message
    assert result.numbers["worst"]["output"] == name
    assert not worst_ratio(found, CASE, precision) <= 1


def test_a_nan_is_worse_than_any_number():
    found = outputs(**spike("loc", 1e9), **spike("landmarks", np.nan))
    result = check(found, "fp32")
    assert result.numbers["worst"]["output"] == "landmarks"
    assert len(result.message.splitlines()) == 2


HELD = CASE.with_sums("fp16-blocks", CASE.float16)


@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_a_floor_with_rounded_sums_has_factors_of_its_own(name):
    """The floor is the same here, so what passes shows which factors count."""
    allowed = FACTORS["fp16-blocks"].largest * FLOOR["fp16"]
    for size, verdict in ((0.98, Verdict.PASS), (1.02, Verdict.FAIL)):
        found = outputs(**spike(name, -size * allowed))
        errors = output_errors(found, HELD, "fp16")
        result = check_fidelity("export", errors)
        assert result.verdict is verdict
        assert worst_ratio(found, HELD, "fp16") == pytest.approx(result.numbers["ratio"])
        assert {error.floor for error in errors} == {"fp16-blocks"}
        assert check(found, "fp16").verdict is Verdict.PASS
    assert (
        "times the fp16 noise floor with rounded sums of blocks 0.01, allowed 3)" in result.message
    )
    assert errors[0].as_json()["floor"] == "fp16-blocks"
    limits = largest_allowed(HELD, "fp16")
    assert limits["loc"] == pytest.approx(FACTORS["fp16-blocks"].largest * FLOOR["fp16"], rel=1e-2)


def test_fp32_has_one_floor():
    found = outputs(**spike("loc", 0.02))
    assert output_errors(found, HELD, "fp32") == output_errors(found, CASE, "fp32")


def test_exchanged_rows_outputs_and_signs_fail():
    exact = outputs()
    for found in (
        RawOutputs(*(a[::-1] for a in exact)),
        RawOutputs(exact.loc, exact.scores[..., ::-1], exact.landmarks),
        RawOutputs(*(-a for a in exact)),
        RawOutputs(*(0 * a for a in exact)),
    ):
        assert check(found, "fp16").verdict is Verdict.FAIL


def test_a_failure_names_the_error_its_place_and_what_would_pass():
    found = outputs(**spike("conf", 0.01))
    result = check(found, "fp32")
    for part in (
        "scene conf log-odds: error against float64 torch max 0.01 (",
        " times the fp32 noise floor 0.0001, allowed 8)",
        "rms 0.001 (10 times 0.0001, allowed 5)",
        "mean 0.0001, p99 ",
        "relative max ",
        "cosine 0.999",
        "worst at (image, prior, value) (1, 7, 0): got "
        f"{quantity('conf', found.scores, 'fp32')[1, 7, 0]:.9g}, "
        f"expected {JUDGED['conf'][1, 7, 0]:.9g}; ",
        "the smallest tolerance that would pass: atol 0.01, or factors ",
        " (max) and 10 (rms)",
    ):
        assert part in result.message, part
    assert "loc" not in result.message


def test_a_pass_names_its_distance_from_the_limit():
    result = check(outputs(**spike("landmarks", 4e-4)), "fp32")
    assert result.message == (
        "largest error 0.0004 in landmarks on scene, 4.00 times the noise floor"
    )
    assert result.numbers["worst"]["index"] == (1, 7, 1)


def test_figures_are_those_of_their_definitions():
    rng = np.random.default_rng(3)
    noise = {name: rng.normal(0, 1e-2, a.shape) for name, a in JUDGED.items()}
    found = outputs(**noise)
    for error, array in zip(output_errors(found, CASE, "fp32"), found, strict=True):
        expected = JUDGED[error.output]
        actual = quantity(error.output, array, "fp32")
        off = np.abs(actual - expected)
        assert (error.max_abs, error.index) == (off.max(), tuple(np.argwhere(off == off.max())[0]))
        assert error.mean_abs == pytest.approx(off.mean())
        assert error.p99_abs == pytest.approx(np.quantile(off, 0.99))
        assert error.rms == pytest.approx(np.sqrt((off**2).mean()))
        assert error.max_rel == pytest.approx((off / expected).max())
        cosine = np.corrcoef(actual.ravel(), expected.ravel())[0, 1]
        assert cosine < error.cosine < 1  # the mean is not taken out


def test_the_cosine_measures_direction():
    turned, longer = (
        output_errors(RawOutputs(*(output(n, k * a) for n, a in JUDGED.items())), CASE, "fp32")
        for k in (-1, 2)
    )
    assert [round(error.cosine, 6) for error in (*turned, *longer)] == [-1] * 3 + [1] * 3


def test_a_reference_that_is_exact_by_luck_leaves_room_for_the_type():
    """A value cannot be nearer than half a step of float32."""
    ones = {name: as_given(name, np.ones_like(a)) for name, a in JUDGED.items()}
    lucky = ReferenceCase("flat", CASE.images, ones, ones, ones)
    for n_steps, passes in ((0, True), (1, True), (5, False)):
        found = RawOutputs(*(a.astype(np.float32) for a in ones.values()))
        found.landmarks[1, 7, 1] += n_steps * np.spacing(np.float32(1))
        assert (worst_ratio(found, lucky, "fp32") <= 1) is passes
        result = check_fidelity("flat", output_errors(found, lucky, "fp32"))
        assert (result.verdict is Verdict.PASS) is passes


def test_zeros_where_zeros_should_be_pass():
    zeros = {name: as_given(name, np.zeros_like(a)) for name, a in JUDGED.items()}
    flat = ReferenceCase("flat", CASE.images, zeros, zeros, zeros)
    found = RawOutputs(*(a.astype(np.float32) for a in zeros.values()))
    assert worst_ratio(found, flat, "fp32") == 0
    assert check_fidelity("flat", output_errors(found, flat, "fp32")).verdict is Verdict.PASS


@given(
    st.sampled_from(["fp32", "fp16"]),
    st.sampled_from(OUTPUT_NAMES),
    st.floats(-1, 1) | st.sampled_from([np.nan, np.inf]),
    st.sampled_from([0, 1e-5, 1e-3, 0.1]),
)
def test_the_quick_ratio_is_the_worst_of_the_full_ones(precision, name, size, noise):
    rng = np.random.default_rng(0)
    everywhere = {n: noise * rng.random(a.shape) for n, a in JUDGED.items()}
    found = outputs(**everywhere | {name: everywhere[name] + spike(name, size)[name]})
    ratios = [error.ratio for error in output_errors(found, CASE, precision)]
    quick = worst_ratio(found, CASE, precision)
    if any(np.isnan(ratios)):
        assert np.isnan(quick)
    else:
        assert quick == pytest.approx(max(ratios), rel=1e-12)


def test_the_worst_of_several_cases_is_named():
    good, bad = outputs(), outputs(**spike("loc", 0.5))
    for order in itertools.permutations([good, bad, good]):
        errors = [error for found in order for error in output_errors(found, CASE, "fp32")]
        result = check_fidelity("all", errors)
        assert result.verdict is Verdict.FAIL
        assert result.numbers["worst"]["max_abs"] == pytest.approx(0.5, rel=1e-5)
        assert len(result.message.splitlines()) == 1


def test_an_infinite_noise_floor_lets_nothing_pass():
    bad = {k: v.copy() for k, v in CASE.float16.items()}
    bad["loc"][0, 0, 0] = np.inf
    case = replace(CASE, float16=bad)
    found = outputs(loc=100.0)
    assert check_fidelity("x", output_errors(found, case, "fp16")).verdict is Verdict.FAIL


@PRECISIONS
def test_probabilities_scaled_by_one_factor_fail_though_their_log_odds_are_right(precision):
    found = outputs()
    for factor, passes in ((1, True), (1 + 0.5 * SUM_LIMIT[precision], True), (1.1, False)):
        scaled = found._replace(scores=(found.scores * factor).astype(np.float32))
        assert (worst_ratio(scaled, CASE, precision) <= 1) is passes
        assert (
            check_probabilities("x", scaled.scores, precision).verdict is Verdict.PASS
        ) is passes


def test_zeros_have_no_direction():
    e = output_errors(RawOutputs(*(0 * a for a in outputs())), CASE, "fp32")[0]
    assert e.cosine != 1
