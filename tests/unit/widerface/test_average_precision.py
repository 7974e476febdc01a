import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinaface.suite.properties.scoring import ap_slow
from retinaface.widerface.average_precision import (
    ScoreRange,
    add_counts,
    average_precision,
    count_image,
    count_set,
    precision_recall,
    score_range,
)
from retinaface.widerface.ground_truth import ALL_FACES, SPLITS, GroundTruth
from retinaface.widerface.predictions import Predictions
from tests.support.widerface import fixed_range_counts, images


def as_set(items):
    names = tuple(f"event/{i}" for i in range(len(items)))
    truth = GroundTruth(
        names,
        tuple(item["faces"] for item in items),
        tuple(item["counted"] for item in items),
        names,
    )
    predictions = {
        n: Predictions(item["boxes"], item["scores"]) for n, item in zip(names, items, strict=True)
    }
    return predictions, truth


@given(images())
@settings(max_examples=50)
def test_average_precision_agrees_with_the_slow_reference(items):
    ap = average_precision(count_set(*as_set(items)))
    for column, split in enumerate(SPLITS):
        slow = ap_slow([item | {"counted": item["counted"][:, column]} for item in items])
        assert ap[split] == pytest.approx(slow, abs=1e-12)


@given(images(), st.randoms())
def test_the_order_of_detections_does_not_matter(items, random):
    shuffled = []
    for item in items:
        order = list(range(len(item["scores"])))
        random.shuffle(order)
        shuffled.append(item | {"boxes": item["boxes"][order], "scores": item["scores"][order]})
    one, other = (average_precision(count_set(*as_set(i))) for i in (items, shuffled))
    assert one == other


@given(images())
def test_counts_add_over_shards(items):
    parts = fixed_range_counts(items)
    middle = len(parts) // 2
    shards = [add_counts(part) for part in (parts[:middle], parts[middle:]) if part]
    whole = add_counts(parts)
    joined = add_counts(shards)
    for name in ("n_faces", "image_index", "threshold_index", "is_proposal", "is_hit"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(joined, name))
    assert whole.n_images == len(items)


@given(images())
def test_average_precision_is_a_fraction(items):
    for value in average_precision(add_counts(fixed_range_counts(items))).values():
        assert 0 <= value <= 1


@given(images(), st.integers(0, 60))
def test_a_lower_scored_false_positive_never_raises_ap(items, x):
    """This holds for a fixed score range; a range that follows the scores can raise AP."""
    before = average_precision(add_counts(fixed_range_counts(items)))
    far = np.array([[1000.0 + x, 1000.0, 5.0, 5.0]])
    items[0] = items[0] | {
        "boxes": np.concatenate([items[0]["boxes"], far]),
        "scores": np.append(items[0]["scores"], 0.01),
    }
    after = average_precision(add_counts(fixed_range_counts(items)))
    assert all(after[split] <= before[split] + 1e-12 for split in SPLITS)


def test_perfect_detections_give_1():
    faces = np.array([[10.0, 10, 30, 30], [100, 100, 8, 8]])
    counted = np.ones((2, 3), dtype=bool)
    counts = count_image(faces, np.array([0.9, 0.8]), faces, counted, ScoreRange(0.0, 1.0))
    assert average_precision(counts) == {"easy": 1, "medium": 1, "hard": 1}


def test_a_hit_on_an_ignored_face_is_neither_right_nor_wrong():
    faces = np.array([[10.0, 10, 30, 30], [100, 100, 8, 8]])
    counted = np.array([[True, True, True], [False, False, True]])
    counts = count_image(faces, np.array([0.5, 0.9]), faces, counted, ScoreRange(0.0, 1.0))
    assert counts.is_proposal.sum(axis=0).tolist() == [1, 1, 2]
    assert counts.is_hit.sum(axis=0).tolist() == [1, 1, 2]


def test_a_second_detection_of_a_face_is_a_false_positive():
    face = np.array([[10.0, 10, 30, 30]])
    boxes = np.repeat(face, 2, axis=0)
    scores, counted = np.array([0.8, 0.9]), np.ones((1, 3), bool)
    counts = count_image(boxes, scores, face, counted, ScoreRange(0.0, 1.0))
    assert counts.is_proposal[:, 0].tolist() == [True, True]
    assert counts.is_hit[:, 0].tolist() == [True, False]


def test_an_image_without_predictions_is_one_with_all_faces_missed():
    face, counted = np.array([[10.0, 10, 30, 30]]), np.ones((1, 3), bool)
    truth = GroundTruth(("e/a", "e/b"), (face, face), (counted, counted), ("e/a", "e/b"))
    predictions = {"e/a": Predictions(np.vstack([face, face + 500]), np.array([0.9, 0.1]))}
    assert average_precision(count_set(predictions, truth)) == dict.fromkeys(SPLITS, 0.5)


def test_scores_of_one_value_give_0_as_the_official_code_does():
    face, counted = np.array([[10.0, 10, 30, 30]]), np.ones((1, 3), bool)
    truth = GroundTruth(("e/a",), (face,), (counted,), ("e/a",))
    predictions = {"e/a": Predictions(face, np.array([1.0]))}
    assert score_range([np.array([1.0])]) == ScoreRange(1.0, 1.0)
    assert average_precision(count_set(predictions, truth)) == dict.fromkeys(SPLITS, 0)


def test_a_face_of_zero_width_can_be_found():
    face = np.array([[10.0, 10, 0, 20]])
    counted = np.ones((1, 3), bool)
    counts = count_image(face, np.array([0.5]), face, counted, ScoreRange(0.0, 1.0))
    assert counts.is_hit.all()


def test_precision_and_recall_follow_the_thresholds():
    face, counted = np.array([[10.0, 10, 30, 30]]), np.ones((1, 3), bool)
    boxes, scores = np.vstack([face + 500, face]), np.array([0.75, 0.5])
    counts = count_image(boxes, scores, face, counted, ScoreRange(0.0, 1.0))
    precision, recall = precision_recall(counts)
    # Thresholds 1 - (t + 1) / 1000: 0.75 enters at t = 249, 0.5 at t = 499.
    assert precision[[248, 249, 498, 499, 999], 0].tolist() == [0, 0, 0, 0.5, 0.5]
    assert recall[[248, 249, 498, 499, 999], 0].tolist() == [0, 0, 0, 1, 1]


@given(images())
def test_one_split_alone_has_the_ap_that_it_has_beside_others(items):
    """All faces, the split of a ground truth without lists, are counted like the hard ones."""
    alone = [item | {"counted": item["counted"][:, 2:]} for item in items]
    whole, one = (add_counts(fixed_range_counts(x)) for x in (items, alone))
    assert one.splits == ALL_FACES
    assert average_precision(one) == {"all faces": average_precision(whole)["hard"]}
