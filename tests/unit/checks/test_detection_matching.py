import numpy as np

from retinaface.checks.detection_matching import match_detections

BOX = np.array([[0.0, 0, 99, 99]])


def test_each_detection_has_at_most_one_counterpart():
    match = match_detections(np.vstack([BOX, BOX]), np.array([0.5, 0.5]), BOX, np.array([0.5]))
    assert match.old_matched.sum() == 1
    assert match.new_matched.tolist() == [True]
    assert match.n_unmatched() == 1


def test_a_counterpart_needs_overlap_and_score():
    shifted = BOX + [[5, 0, 5, 0]]  # 95 / 105 of overlap
    far = BOX + [[6, 0, 6, 0]]  # 94 / 106
    score = np.array([0.5])
    assert match_detections(BOX, score, shifted, score).n_unmatched() == 0
    assert match_detections(BOX, score, far, score).n_unmatched() == 2
    assert match_detections(BOX, score, BOX, score + 0.004).n_unmatched() == 0
    assert match_detections(BOX, score, BOX, score + 0.006).n_unmatched() == 2


def test_nothing_matches_nothing():
    nothing, none = np.zeros((0, 4)), np.zeros(0)
    assert match_detections(nothing, none, nothing, none).n_unmatched() == 0
    assert match_detections(nothing, none, BOX, np.array([0.5])).n_unmatched() == 1


def test_the_nearer_of_two_possible_counterparts_is_taken():
    near, score = np.vstack([BOX + [[3, 0, 3, 0]], BOX + [[1, 0, 1, 0]]]), np.array([0.5])
    assert match_detections(BOX, score, near, score.repeat(2)).pairs.tolist() == [[0, 1]]
