"""WIDER FACE counts and AP, and the official form, compared with their definitions.

The range of scores is fixed, except where a test counts a whole set: a range that follows the
scores can raise AP by a worse detection.
"""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.suite.properties.scoring import ap_slow, official_lines_slow
from retinaface.suite.properties.strategies import scored_images
from retinaface.widerface.average_precision import (
    Counts,
    ScoreRange,
    add_counts,
    average_precision,
    count_image,
    count_set,
    precision_recall,
)
from retinaface.widerface.ground_truth import SPLITS, GroundTruth
from retinaface.widerface.predictions import Predictions, format_predictions, official_form

pytestmark = pytest.mark.answers("steps")

RANGE = ScoreRange(0.0, 1.0)
# A thousand sums and products of fractions in float64.
SUMMATION = 1e-12
# Left, top, width, height of a place that no drawn box reaches.
FAR = (1000.0, 1000.0, 10.0, 10.0)


def count(image):
    return count_image(image["boxes"], image["scores"], image["faces"], image["counted"], RANGE)


def ap(images):
    return average_precision(add_counts([count(image) for image in images]))


def add_detection(image, box, score):
    boxes, scores = np.vstack([image["boxes"], box]), np.append(image["scores"], score)
    return image | {"boxes": boxes, "scores": scores}


def add_face(image, box, counted):
    faces, mask = np.vstack([image["faces"], box]), np.vstack([image["counted"], counted])
    return image | {"faces": faces, "counted": mask}


def as_set(images):
    names = tuple(f"event/{i}" for i in range(len(images)))
    faces, counted = (tuple(image[key] for image in images) for key in ("faces", "counted"))
    found = {
        name: Predictions(image["boxes"], image["scores"])
        for name, image in zip(names, images, strict=True)
    }
    return found, GroundTruth(names, faces, counted, names)


def assert_same(one, other):
    for field in fields(Counts):
        left, right = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(left, right, err_msg=field.name)


@pytest.mark.quick
@settings(max_examples=40)
@given(scored_images())
def test_average_precision_agrees_with_the_slow_reference(images):
    whole = average_precision(count_set(*as_set(images)))
    for column, split in enumerate(SPLITS):
        slow = ap_slow([image | {"counted": image["counted"][:, column]} for image in images])
        assert whole[split] == pytest.approx(slow, abs=SUMMATION)


@given(scored_images())
def test_average_precision_is_a_fraction(images):
    assert all(0 <= value <= 1 + SUMMATION for value in ap(images).values())


@settings(max_examples=60)
@given(scored_images(), st.data())
def test_average_precision_of_perfect_detections_is_1(images, data):
    perfect = []
    for image in images:
        n = len(image["faces"])
        scores = data.draw(arrays(np.float64, n, elements=st.integers(1, 1000))) / 1000
        perfect.append(image | {"boxes": image["faces"], "scores": scores})
    there = np.concatenate([image["counted"] for image in images]).any(axis=0)
    expected = dict(zip(SPLITS, there.astype(float), strict=True))
    assert ap(perfect) == pytest.approx(expected, abs=SUMMATION)


@given(scored_images())
def test_recall_never_falls_and_no_face_is_found_twice(images):
    counts = add_counts([count(image) for image in images])
    precision, recall = precision_recall(counts)
    assert (np.diff(recall, axis=0) >= 0).all()
    for curve in (precision, recall):
        assert ((curve >= 0) & (curve <= 1)).all()
    assert not (counts.is_hit & ~counts.is_proposal).any()


@given(scored_images(), st.integers(0, 1000), st.data())
def test_a_false_positive_of_any_score_never_raises_ap(images, thousandths, data):
    i = data.draw(st.integers(0, len(images) - 1))
    worse = [*images[:i], add_detection(images[i], FAR, thousandths / 1000), *images[i + 1 :]]
    before, after = ap(images), ap(worse)
    assert all(after[split] <= before[split] + SUMMATION for split in SPLITS)


@pytest.mark.quick
def test_a_false_positive_between_two_hits_lowers_ap():
    faces = np.array([[0.0, 0, 20, 20], [100.0, 0, 20, 20]])
    image = {"boxes": faces, "scores": np.array([0.9, 0.5]), "faces": faces}
    image["counted"] = np.ones((2, 3), bool)
    # Recall 1/2 at precision 1, then 1/2 more at 2/3 behind the false positive, if it comes first.
    for score, expected in ((0.7, 1 / 2 + 1 / 3), (0.4, 1.0)):
        worse = add_detection(image, FAR, score)
        assert ap([worse]) == pytest.approx(dict.fromkeys(SPLITS, expected), abs=SUMMATION)


@settings(max_examples=60)
@given(scored_images(), st.data())
def test_a_second_worse_detection_of_the_same_box_never_raises_ap(images, data):
    i = data.draw(st.integers(0, len(images) - 1))
    assume(len(images[i]["scores"]))
    k = data.draw(st.integers(0, len(images[i]["scores"]) - 1))
    box, score = images[i]["boxes"][k], images[i]["scores"][k]
    worse = [*images[:i], add_detection(images[i], box, score / 2), *images[i + 1 :]]
    before, after = ap(images), ap(worse)
    assert all(after[split] <= before[split] + SUMMATION for split in SPLITS)
    assert (count(worse[i]).is_hit.sum(axis=0) == count(images[i]).is_hit.sum(axis=0)).all()


@pytest.mark.quick
@settings(max_examples=60)
@given(scored_images(), st.data())
def test_counts_add_over_shards_of_any_split_in_any_order(images, data):
    parts = [count(image) for image in images]
    expected = precision_recall(add_counts(parts))
    order = data.draw(st.permutations(range(len(parts))))
    n_shards = data.draw(st.integers(1, len(parts)))
    shards = [[parts[i] for i in order[k::n_shards]] for k in range(n_shards)]
    joined = add_counts([add_counts(shard) for shard in shards])
    assert joined.n_images == len(images)
    # Each detection still belongs to its image.
    images_in_order = [i for k in range(n_shards) for i in order[k::n_shards]]
    for row, i in enumerate(images_in_order):
        assert joined.n_faces[row].tolist() == parts[i].n_faces[0].tolist()
        mine = joined.image_index == row
        assert joined.threshold_index[mine].tolist() == parts[i].threshold_index.tolist()
    for curve, whole in zip(precision_recall(joined), expected, strict=True):
        np.testing.assert_array_equal(curve, whole)


@given(scored_images(), st.data())
def test_an_image_without_predictions_is_one_with_all_faces_missed(images, data):
    found, truth = as_set(images)
    lost = data.draw(st.sampled_from(truth.images))
    empty = found | {lost: Predictions(np.zeros((0, 4)), np.zeros(0))}
    del found[lost]
    counts = count_set(found, truth)
    assert_same(counts, count_set(empty, truth))
    assert counts.n_images == len(images)
    every_face = np.concatenate([image["counted"] for image in images])
    assert counts.n_faces.sum(axis=0).tolist() == every_face.sum(axis=0).tolist()


@settings(max_examples=60)
@given(scored_images(), st.integers(1, 1000), st.data())
def test_a_hit_on_an_ignored_face_neither_helps_nor_hurts(images, thousandths, data):
    i = data.draw(st.integers(0, len(images) - 1))
    assume(len(images[i]["faces"]))  # an image without any face gives no false positives
    counted = data.draw(arrays(np.bool_, 3))
    with_face = add_face(images[i], FAR, counted)
    missed = [*images[:i], with_face, *images[i + 1 :]]
    hit = [*images[:i], add_detection(with_face, FAR, thousandths / 1000), *images[i + 1 :]]
    before, without_hit, after = ap(images), ap(missed), ap(hit)
    for column, split in enumerate(SPLITS):
        if counted[column]:
            assert without_hit[split] <= after[split] + SUMMATION
        else:
            assert before[split] == without_hit[split] == after[split]


@settings(max_examples=60)
@given(scored_images(), st.data())
def test_the_order_of_detections_of_an_image_does_not_matter(images, data):
    for image in images:
        order = np.array(data.draw(st.permutations(range(len(image["scores"])))), dtype=int)
        boxes, scores = image["boxes"][order], image["scores"][order]
        assert_same(count(image), count(image | {"boxes": boxes, "scores": scores}))


@pytest.mark.quick
@pytest.mark.parametrize(
    ("face", "box", "found"),
    [
        ((0, 0, 8, 9), (3, 0, 8, 9), True),  # 60 / 120, with the + 1
        ((0, 0, 98, 0), (33, 0, 98, 0), True),  # 66 / 132
        ((0, 0, 98, 0), (34, 0, 98, 0), False),  # 65 / 133
        ((5, 5, 0, 0), (5, 5, 1, 0), True),  # 1 / 2
        ((5, 5, 0, 0), (5, 5, 1, 1), False),  # 1 / 4
    ],
    ids=["half", "row", "just-below", "pixel", "quarter"],
)
def test_half_an_overlap_finds_a_face(face, box, found):
    image = {"boxes": np.array([box]), "scores": np.array([0.5]), "faces": np.array([face])}
    assert (count(image | {"counted": np.ones((1, 3), bool)}).is_hit == found).all()


COORDINATES = st.integers(-800, 4000).map(lambda n: n / 8)
SCORES = st.floats(0, 1, exclude_min=True, width=32)


@pytest.mark.quick
@given(st.lists(st.tuples(*[COORDINATES] * 4, SCORES), max_size=6))
def test_the_official_form_is_what_the_published_scripts_write(rows):
    array = np.array(rows, dtype=np.float32).reshape(-1, 5)
    lines = official_lines_slow(array[:, :4], array[:, 4])
    text = format_predictions("name", array[:, :4], array[:, 4])
    assert text.splitlines() == ["name", str(len(rows)), *(f"{line} " for line in lines)]
    form = official_form(array[:, :4], array[:, 4])
    expected = np.array([line.split() for line in lines], dtype=np.float64).reshape(-1, 5)
    np.testing.assert_array_equal(form.boxes_xywh, expected[:, :4])
    np.testing.assert_array_equal(form.scores, expected[:, 4])
