import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.checks.detection_changes import (
    COMPARE_ABOVE,
    Change,
    differences,
    follow_chains,
    image_difference,
)
from retinaface.checks.detection_matching import MATCH_LANDMARK
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.detection.detections import Detections
from retinaface.verdicts import Verdict
from tests.support.made.detections import POINTS, found, row
from tests.support.references import chains_slow


def only_change(old, new):
    (change,) = image_difference("e/a", old, new).changes
    return change


@given(st.integers(0, 6), st.randoms())
def test_the_same_detections_in_any_order_have_no_difference(n, random):
    rows = [row(200 * i, 0.9 - i / 10, top=7 * i, width=40 + i) for i in range(n)]
    shuffled = rows.copy()
    random.shuffle(shuffled)
    difference = image_difference("e/a", found(*rows), found(*shuffled))
    assert difference.changes == ()
    assert difference.n_compared == 2 * n
    assert difference.landmark_shifts.tolist() == [0] * n


@pytest.mark.parametrize("kind", ["lost", "gained"])
def test_a_detection_of_one_side_alone_is_unexplained(kind):
    both, more = found(row(300, 0.6)), found(row(0, 0.875), row(300, 0.6))
    sides = (more, both) if kind == "lost" else (both, more)
    change = only_change(*sides)
    assert (change.kind, change.cause, change.is_unexplained) == (kind, "", True)
    assert (change.score, change.box_xyxy) == (0.875, (0, 0, 99, 99))
    assert change.to_score_limit == pytest.approx(0.855)
    assert np.isnan(change.to_overlap_limit)
    assert str(change) == (
        f"e/a: {kind}, score 0.8750, box [0.0, 0.0, 99.0, 99.0] px, +0.8550 from the score limit, "
        "+nan from the overlap limit: UNEXPLAINED"
    )


def test_a_moved_detection_stands_on_both_sides_with_its_change():
    before, after = found(row(0, 0.75)), found(row(0, 0.625))
    changes = image_difference("e/a", before, after).changes
    assert [(c.kind, c.score, c.score_change) for c in changes] == [
        ("moved", 0.75, -0.125),
        ("moved", 0.625, -0.125),
    ]
    assert all(c.is_unexplained and c.overlap == 1 for c in changes)
    assert "moved by -0.1250 in score, overlap 1.000, score 0.7500" in str(changes[0])


def test_a_moved_detection_is_explained_as_far_as_fp16_drifts():
    before = found(row(0, 0.75))
    for after, causes in (
        (row(0, 0.779), {"drift"}),
        (row(0, 0.721), {"drift"}),
        (row(0, 0.785), {""}),
        (row(8, 0.75), {"drift"}),  # 92 / 108
        (row(8, 0.70), {""}),
    ):
        changes = image_difference("e/a", before, found(after)).changes
        assert [c.kind for c in changes] == ["moved", "moved"]
        assert {c.cause for c in changes} == causes, after
        assert all(np.isnan(c.to_overlap_limit) for c in changes)  # a box does not suppress itself


@pytest.mark.parametrize("score", [0.0201, 0.0249, COMPARE_ABOVE])
def test_a_flip_at_the_score_limit_is_not_compared(score):
    for sides in ((found(row(0, score)), found()), (found(), found(row(0, score)))):
        difference = image_difference("e/a", *sides)
        assert (difference.n_compared, difference.changes) == (0, ())


def test_a_pair_across_the_score_that_is_compared_is_a_pair():
    for scores in ((0.0299, 0.0301), (0.0301, 0.0299)):
        old, new = (found(row(0, score)) for score in scores)
        difference = image_difference("e/a", old, new)
        assert (difference.n_compared, difference.changes) == (1, ())


def test_either_of_two_boxes_that_suppress_each_other_may_be_kept():
    before, after = found(row(0, 0.8)), found(row(40, 0.78))  # overlap 60 / 140
    changes = image_difference("e/a", before, after).changes
    assert [(c.kind, c.cause) for c in changes] == [("lost", "tie"), ("gained", "tie")]
    changes = image_difference("e/a", before, found(row(40, 0.7))).changes
    assert [(c.kind, c.cause) for c in changes] == [("lost", ""), ("gained", "")]
    changes = image_difference("e/a", before, found(row(60, 0.79))).changes  # overlap 40 / 160
    assert [(c.kind, c.cause) for c in changes] == [("lost", ""), ("gained", "")]


@pytest.mark.parametrize("kind", ["lost", "gained"])
def test_a_better_box_may_suppress_by_a_hair(kind):
    both = found(row(0, 0.9), row(44, 0.6))  # overlap 56 / 144 = 0.389
    one = found(row(2, 0.9))  # with the second 58 / 142 = 0.408
    change = only_change(*((both, one) if kind == "lost" else (one, both)))
    assert (change.kind, change.score, change.cause) == (kind, np.float32(0.6), "overlap limit")
    assert change.to_overlap_limit == pytest.approx(58 / 142 - 0.4, abs=1e-6)


def test_a_better_box_far_away_explains_nothing():
    both = found(row(0, 0.9), row(60, 0.6))  # overlap 40 / 160
    assert only_change(both, found(row(2, 0.9))).cause == ""


def test_a_worse_box_suppresses_nothing():
    both = found(row(0, 0.5), row(44, 0.6))
    assert only_change(both, found(row(2, 0.5))).cause == ""


def test_a_detection_lost_with_its_neighbours_stood_at_no_limit():
    both = found(row(0, 0.9), row(44, 0.6))
    assert [c.cause for c in image_difference("e/a", both, found()).changes] == ["", ""]


def test_a_flip_has_consequences():
    """A tie falls the other way: the box that came suppresses a third, the one that went did so."""
    a, b, beside_b, beside_a = row(0, 0.8), row(40, 0.79), row(80, 0.6), row(-40, 0.6)
    changes = image_difference("e/a", found(a, beside_b), found(b, beside_a)).changes
    assert [(c.kind, c.score, c.cause) for c in changes] == [
        ("lost", np.float32(0.8), "tie"),
        ("lost", np.float32(0.6), "chain"),
        ("gained", np.float32(0.79), "tie"),
        ("gained", np.float32(0.6), "chain"),
    ]
    far = row(120, 0.6)  # overlaps the box that came by 20 / 180
    changes = image_difference("e/a", found(a, far), found(b)).changes
    assert [c.cause for c in changes] == ["tie", "", "tie"]


def test_a_box_that_nothing_explains_explains_no_other():
    changes = image_difference("e/a", found(row(40, 0.6)), found(row(0, 0.8))).changes
    assert [(c.kind, c.cause) for c in changes] == [("lost", ""), ("gained", "")]


def test_a_worse_box_has_no_consequences():
    a, b, better = row(0, 0.5), row(40, 0.49), row(80, 0.8)
    changes = image_difference("e/a", found(a, better), found(b)).changes
    assert [c.cause for c in changes if c.score > 0.7] == [""]


def test_a_landmark_is_measured_in_sides_of_its_box():
    points = POINTS.copy()
    points[3] += [0.06, -0.08]
    old = found(row(0, 0.9), (300, 0, 20, 20, 0.8))
    new = found((300, 0, 20, 20, 0.8), row(0, 0.9), points=points)
    difference = image_difference("e/a", old, new)
    np.testing.assert_allclose(difference.landmark_shifts, [0.1, 0.1], atol=1e-6)
    assert (difference.landmark_shifts > MATCH_LANDMARK).all()


def test_a_point_sized_box_does_not_divide_by_zero():
    difference = image_difference("e/a", found((5, 5, 0, 0, 0.9)), found((5, 5, 0, 0, 0.9)))
    assert difference.landmark_shifts.tolist() == [0]


def test_a_nan_has_no_counterpart_and_no_explanation():
    good = found(row(0, 0.9))
    for bad in (found(row(np.nan, 0.9)), found(row(0, np.nan))):
        for sides in ((good, bad), (bad, good)):
            changes = image_difference("e/a", *sides).changes
            assert [c for c in changes if c.is_unexplained], sides


def test_an_image_that_one_side_lacks_has_no_detections_there():
    a, b = found(row(0, 0.9)), found(row(0, 0.8))
    result = differences({"e/a": a, "e/b": b}, {"e/c": a, "e/a": a})
    assert [d.image for d in result] == ["e/a", "e/b", "e/c"]
    assert [[c.kind for c in d.changes] for d in result] == [[], ["lost"], ["gained"]]


def test_a_box_lost_with_all_its_neighbours_is_not_at_the_overlap_limit():
    both = found(row(0, 0.9), row(44, 0.6))
    assert [c.cause for c in image_difference("e/a", both, found()).changes] == ["", ""]


def test_a_flip_at_the_score_limit_has_its_cause():
    (c,) = image_difference("e/a", found(row(0, 0.0305)), found()).changes
    assert c.cause == "score limit"


def test_nan_landmarks_fail():
    a = found(*(row(200 * i, 0.9) for i in range(9)))
    b = Detections(a.boxes_xyxy, a.scores, a.landmarks_xy * np.nan)
    checks = check_differences("x", differences({"i": a}, {"i": b}), TOLERANCES["fp16"])
    assert [c.verdict for c in checks][-1] is Verdict.FAIL


CHANGES = st.lists(
    st.builds(
        lambda left, score, cause: Change(
            "e/a", "lost", score, (left, 0.0, left + 20, 20.0), 0.0, 0.0, 0.0, 0.0, cause
        ),
        st.integers(0, 40).map(float),
        st.sampled_from([0.3, 0.5, 0.503, 0.9]),
        st.sampled_from(["", "", "", "tie"]),
    ),
    max_size=6,
)


@given(CHANGES, CHANGES)
def test_chains_are_those_that_are_found_pair_by_pair(lost, gained):
    assert follow_chains(lost, gained) == chains_slow(lost, gained)
