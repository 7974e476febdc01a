import numpy as np
import pytest
from hypothesis import given

from retinaface.widerface.average_precision import (
    THRESHOLDS,
    Totals,
    add_counts,
    average_precision,
    entering,
    precision_recall,
    score_range,
    threshold_indices,
    total,
)
from retinaface.widerface.counting import matching
from retinaface.widerface.counting.matching import match_image
from tests.support.widerface import fixed_range_counts, images


@given(images())
def test_matches_give_the_counts_for_any_range(items):
    """So images can be matched where they are read, and counted once the range is known."""
    whole = score_range(i["scores"] for i in items)
    counts = add_counts(fixed_range_counts(items, whole))
    matched = [match_image(i["boxes"], i["scores"], i["faces"], i["counted"]) for i in items]
    first = np.concatenate([threshold_indices(m.scores, whole) for m in matched])
    used = first < len(THRESHOLDS)
    masks = (
        np.concatenate([getattr(m, name) for m in matched]) for name in ("is_proposal", "is_hit")
    )
    sums = Totals(
        sum(m.n_faces for m in matched), *(entering(first[used], mask[used]) for mask in masks)
    )
    for one, other in zip(precision_recall(sums), precision_recall(counts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert average_precision(sums) == average_precision(total(counts)) == average_precision(counts)


@pytest.mark.parametrize("lacks", ["faces", "detections"])
def test_nothing_is_matched_with_nothing(lacks):
    n_boxes, n_faces = (2, 0) if lacks == "faces" else (0, 2)
    found = match_image(
        np.zeros((n_boxes, 4)),
        np.zeros(n_boxes),
        np.zeros((n_faces, 4)),
        np.ones((n_faces, 3), bool),
    )
    assert found.n_faces.tolist() == [n_faces] * 3
    assert found.scores.shape == (0,)
    assert found.is_hit.shape == found.is_proposal.shape == (0, 3)


@given(images())
def test_faces_are_found_the_same_piece_by_piece(items):
    """A large image takes no more memory than a small one."""
    with pytest.MonkeyPatch.context() as patch:
        whole = [match_image(i["boxes"], i["scores"], i["faces"], i["counted"]) for i in items]
        patch.setattr(matching, "_AT_ONCE", 1)
        pieces = [match_image(i["boxes"], i["scores"], i["faces"], i["counted"]) for i in items]
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.is_hit, other.is_hit)
        np.testing.assert_array_equal(one.is_proposal, other.is_proposal)
