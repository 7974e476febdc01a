import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinaface.checks.offsets.judged import (
    FP16_BOX_SHARE,
    FP16_LANDMARK_SHARE,
    SMALLEST_PX,
    SMALLEST_SCORE,
    SMALLEST_SCORE_ACROSS_PRECISIONS,
    allowed_offsets,
    check_offsets,
    mean_offsets,
)
from retinaface.checks.offsets.of_pairs import QUANTITIES, PairOffsets
from retinaface.verdicts import Verdict

FP32, FP16, ACROSS = ("fp32", "fp32"), ("fp16", "fp16"), ("fp32", "fp16")
NAMES = [
    "x: mean offset of boxes in x",
    "x: mean offset of boxes in y",
    "x: mean offset of widths",
    "x: mean offset of heights",
    "x: mean offset of scores",
    "x: mean offset of landmarks in x",
    "x: mean offset of landmarks in y",
]
HEIGHTS = (8, 12, 24, 48, 96, 200)
N_IMAGES = 50
# What rounding is like here: FP16 moves small boxes by less.
NOISE_PX, NOISE_SCORE = 0.03, 0.0002
COLUMN = {(q.kind, q.point): i for i, q in enumerate(QUANTITIES)}
SCORE = COLUMN["score", ""]


def images(heights=HEIGHTS, n_each=4, n_images=N_IMAGES, noise=1.0, seed=0):
    """Pairs of each height in each image, off by noise alone."""
    rng = np.random.default_rng(seed)
    sizes = np.repeat(np.float64(heights), n_each)
    scales = np.full(len(QUANTITIES), NOISE_PX)
    scales[SCORE] = NOISE_SCORE
    return [
        PairOffsets(sizes, sizes, noise * rng.normal(size=(len(sizes), len(scales))) * scales)
        for _ in range(n_images)
    ]


def shifted(found, shift, column, height=None):
    """One quantity is off by so much more, of faces of one height or of all."""
    moved = []
    for one in found:
        values = one.values.copy()
        values[(one.heights_px == height) | (height is None), column] += shift
        moved.append(replace(one, values=values))
    return moved


def verdicts(found, precisions=FP32):
    checks = check_offsets("x", found, precisions)
    json.dumps([dict(check.numbers) for check in checks], allow_nan=False)
    return {check.name: check.verdict for check in checks}


def not_passed(found, precisions=FP32):
    return {name: v for name, v in verdicts(found, precisions).items() if v is not Verdict.PASS}


def test_rounding_alone_passes_in_every_quantity():
    found = verdicts(images())
    assert list(found) == NAMES
    assert set(found.values()) == {Verdict.PASS}


def name_of(quantity):
    kind = {"width": "widths", "height": "heights", "score": "scores"}
    where = kind.get(quantity.kind, f"boxes in {quantity.kind}")
    if quantity.point:
        where = f"landmarks in {quantity.kind[-1]}"
    return f"x: mean offset of {where}"


@settings(max_examples=40)
@given(
    st.sampled_from(range(len(QUANTITIES))),
    st.sampled_from(HEIGHTS),
    st.sampled_from([-1, 1]),
    st.integers(0, 5),
)
def test_half_again_of_the_smallest_shift_fails_and_half_of_it_passes(column, height, sign, seed):
    smallest = sign * (SMALLEST_SCORE if column == SCORE else SMALLEST_PX)
    found = images(seed=seed)
    assert not_passed(shifted(found, 1.5 * smallest, column, height)) == {
        name_of(QUANTITIES[column]): Verdict.FAIL
    }
    assert not_passed(shifted(found, 0.5 * smallest, column, height)) == {}


def test_a_shift_at_the_limit_is_undecided():
    (verdict,) = not_passed(shifted(images(), SMALLEST_PX, 0, 24)).values()
    assert verdict is Verdict.INCONCLUSIVE


def test_the_message_says_what_lies_where_by_how_much_and_over_how_many():
    checks = check_offsets("x", shifted(images(noise=0), 0.21, 0, 12), FP32)
    assert checks[0].message == (
        "boxes of 10-16 px lie 0.210 px to the right [+0.210, +0.210], allowed +-0.1 (200 pairs in "
        "50 images)"
    )
    assert (checks[0].value, checks[0].baseline, checks[0].limit, checks[0].unit) == (
        pytest.approx(0.21),
        0,
        SMALLEST_PX,
        "px",
    )
    assert checks[0].margin == pytest.approx(-0.11)


@pytest.mark.parametrize(
    ("column", "shift", "words"),
    [
        (COLUMN["x", ""], -0.2, "boxes of any size lie 0.200 px to the left"),
        (COLUMN["y", ""], 0.2, "boxes of any size lie 0.200 px further down"),
        (COLUMN["y", ""], -0.2, "boxes of any size lie 0.200 px further up"),
        (COLUMN["width", ""], 0.2, "boxes of any size are 0.200 px wider"),
        (COLUMN["height", ""], -0.2, "boxes of any size are 0.200 px shorter"),
        (SCORE, -0.0021, "scores of faces of any size are 0.00210 lower [-0.00210, -0.00210]"),
        (
            COLUMN["landmark x", "nose"],
            0.3,
            "the nose in faces of any size lies 0.300 px to the right",
        ),
        (COLUMN["landmark y", "left eye"], -0.3, "the left eye in faces of any size lies 0.300 px"),
    ],
)
def test_each_quantity_has_its_words(column, shift, words):
    found = shifted(images(heights=[24], noise=0), shift, column)
    failed = [c for c in check_offsets("", found, FP32) if c.verdict is Verdict.FAIL]
    assert [check.message.startswith(words) for check in failed] == [True], failed


def test_every_size_and_landmark_that_is_off_is_listed_the_worst_first():
    found = images(noise=0)
    for shift, height in ((0.2, 12), (0.4, 96), (0.05, 24)):
        found = shifted(found, shift, COLUMN["landmark y", "nose"], height)
    lines = check_offsets("x", found, FP32)[-1].message.splitlines()
    assert [line.split(" lies")[0].strip() for line in lines] == [
        "the nose in faces of 64-128 px",
        "the nose in faces of 10-16 px",
    ]


def test_pairs_too_few_for_their_size_are_judged_with_their_neighbours():
    found = images(heights=[24, 48], noise=0)
    few = PairOffsets(np.full(3, 200.0), np.full(3, 200.0), np.zeros((3, len(QUANTITIES))))
    (_, large) = {str(m.group): m.n_pairs for m in mean_offsets([*found, few], FP32)}.items()
    assert large == ("32 px and more", 4 * N_IMAGES + 3)


def test_more_intervals_are_wider_so_that_all_hold_together():
    few, many = images(heights=[24]), images(heights=HEIGHTS)
    checks = [check_offsets("", found, FP32)[0] for found in (few, many)]
    assert [c.numbers["n_intervals"] for c in checks] == [15, 90]
    narrow = mean_offsets(few, FP32)[0].mean
    wide = mean_offsets([*few, *images(heights=[8, 200], noise=0)], FP32)
    wide = next(m.mean for m in wide if m.group.from_px == 16)
    assert wide.estimate == narrow.estimate
    assert wide.low < narrow.low
    assert wide.high > narrow.high


def test_honest_rounding_is_seldom_called_more_than_it_is():
    """The largest that rounding may be: intervals of all quantities and sizes hold together."""
    n_missed = 0
    for seed in range(100):
        found = mean_offsets(images(n_each=2, n_images=60, seed=seed), FP32)
        n_missed += any(m.mean.low > 0 or m.mean.high < 0 for m in found)
    assert n_missed <= 12  # 5 of 100 expected; 13 or more: 1 in 1000


def test_a_pair_of_another_prior_does_not_decide():
    found = images(heights=[200], noise=0)
    found[0].values[0] += 12.0
    assert not_passed(found) == {}


def test_fp16_may_move_a_large_face_by_a_share_of_its_side():
    sides = np.array([20.0, 100, 300])
    allowed = allowed_offsets(sides, FP16)
    assert allowed[:, 0].tolist() == [SMALLEST_PX, SMALLEST_PX, 300 * FP16_BOX_SHARE]
    assert allowed[:, -1].tolist() == [SMALLEST_PX, *(FP16_LANDMARK_SHARE * sides[1:])]
    assert (allowed[:, SCORE] == SMALLEST_SCORE).all()
    px = np.delete(allowed_offsets(sides, FP32), SCORE, axis=1)
    assert (px == SMALLEST_PX).all()
    found = shifted(images(heights=[300], noise=0), 0.2, 0)
    assert verdicts(found, FP16)[NAMES[0]] is Verdict.PASS
    assert verdicts(found, FP32)[NAMES[0]] is Verdict.FAIL


def test_in_fp16_a_large_face_weighs_less_and_the_limit_is_the_mean_of_limits():
    found = shifted(images(heights=[150, 600], noise=0), 0.6, 0, 600)
    (one,) = [m for m in mean_offsets(found, FP16) if m.quantity.kind == "x"]
    # Limits of 0.15 and 0.6 px: the shift is all of one, nothing of the other.
    assert one.allowed == pytest.approx(2 / (1 / 0.15 + 1 / 0.6))
    assert one.mean.estimate / one.allowed == pytest.approx(0.5)


def test_between_precisions_scores_may_differ_by_what_fp16_does():
    shift = 0.8 * SMALLEST_SCORE_ACROSS_PRECISIONS
    found = shifted(images(), -shift, SCORE)
    assert not_passed(found, ACROSS) == {}
    assert not_passed(found, FP16) == {NAMES[4]: Verdict.FAIL}


def test_a_value_that_is_not_a_number_fails():
    found = images()
    found[3].values[2, 0] = np.nan
    assert {c.name: c.verdict for c in check_offsets("x", found, FP32)}[NAMES[0]] is Verdict.FAIL


@pytest.mark.parametrize("found", [[], images(heights=[])])
def test_without_a_pair_nothing_is_decided(found):
    (check,) = check_offsets("x", found, FP32)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "no detection has a counterpart" in check.message
