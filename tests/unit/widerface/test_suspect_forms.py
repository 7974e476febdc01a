"""Predictions in another form are told by what they hold; those in the official form are not."""

import numpy as np
import pytest

from retinaface.baselines.detections_file import read_detections
from retinaface.baselines.entries import load_baselines
from retinaface.embedded import embedded_root
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.ground_truth_files import load_ground_truth
from retinaface.widerface.predictions import Predictions, official_form
from retinaface.widerface.scoring import score_predictions
from retinaface.widerface.suspect_forms import form_warnings
from tests.support.runs import ROOT


@pytest.fixture(scope="module")
def embedded():
    """The embedded set, and what an engine finds in it, in the official form."""
    truth, _ = load_ground_truth(embedded_root())
    entries = load_baselines(ROOT / "baselines")
    entry = next(e for e in entries if e.data.get("n_images") == 67 and e.data["batch"] == 32)
    found = read_detections(entry.needed_detections()).items()
    return truth, {image: official_form(d.boxes_xyxy, d.scores) for image, d in found}


def corners(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def of_boxes(change):
    return lambda one: Predictions(change(one.boxes_xywh), one.scores)


def of_scores(change):
    return lambda one: Predictions(one.boxes_xywh, change(one.scores))


FORMS = {
    "corners": (of_boxes(corners), "the boxes look like corners x1 y1 x2 y2: read so, AP is 8"),
    "swapped": (of_boxes(lambda b: b[:, [1, 0, 3, 2]]), "look like y x height width: read so"),
    "swapped-corners": (
        of_boxes(lambda b: corners(b)[:, [1, 0, 3, 2]]),
        "look like corners y1 x1 y2 x2: read so",
    ),
    "swapped-places": (of_boxes(lambda b: b[:, [1, 0, 2, 3]]), "look like y x width height"),
    "swapped-sizes": (of_boxes(lambda b: b[:, [0, 1, 3, 2]]), "look like x y height width"),
    "centres": (
        of_boxes(lambda b: np.concatenate([b[:, :2] + b[:, 2:] / 2, b[:, 2:]], axis=1)),
        "look like centre x, centre y, width, height",
    ),
    "normalised": (of_boxes(lambda b: b / 1024), "normalised? Boxes are in pixels"),
    "normalised-corners": (of_boxes(lambda b: corners(b) / 1024), "normalised? Boxes are in"),
    "one-digit": (of_scores(lambda s: s.round(1)), "are multiples of 0.1, "),
    "two-digits": (of_scores(lambda s: s.round(2)), "are multiples of 0.01, 99 values: rounded?"),
    "three-digits": (of_scores(lambda s: s.round(3)), "are multiples of 0.001, "),
    "percent": (of_scores(lambda s: 100 * s), "percent? AP takes scores from 0 to 1; divide them"),
    "whole-percent": (of_scores(lambda s: (100 * s).round()), "percent? AP takes"),
    "logits": (of_scores(lambda s: np.log(s / (1 - s))), "logits? AP takes scores from 0 to 1"),
    "negative": (of_scores(lambda s: s - 1), "logits? AP takes"),
    "positive-logits": (of_scores(lambda s: 10 * s), "logits? AP takes"),
    "bytes": (of_scores(lambda s: 255 * s), "logits? AP takes"),
    "constant": (of_scores(np.ones_like), "scores are 1, so nothing ranks the detections"),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_form_is_told_once_with_what_to_do(form, embedded):
    truth, given = embedded
    change, text = FORMS[form]
    predictions = {image: change(one) for image, one in given.items()}
    ap = average_precision(count_set(predictions, truth))
    (warning,) = form_warnings(predictions, truth, ap)
    assert text in warning
    result = score_predictions(predictions, truth)
    assert result.ap == ap  # nothing is read otherwise
    assert warning in result.warnings


def test_the_official_form_is_told_nothing(embedded):
    truth, given = embedded
    assert score_predictions(given, truth).warnings == []
    four = {image: of_scores(lambda s: s.round(4))(one) for image, one in given.items()}
    assert score_predictions(four, truth).warnings == []


def test_a_poor_detector_in_the_official_form_is_told_nothing_of_forms(embedded):
    truth, given = embedded
    rng = np.random.default_rng(0)

    def poor(one):
        shift = rng.normal(0, 0.25, one.boxes_xywh.shape) * one.boxes_xywh[:, [2, 3, 2, 3]]
        return Predictions(one.boxes_xywh + shift, one.scores)

    predictions = {image: poor(one) for image, one in given.items()}
    ap = average_precision(count_set(predictions, truth))
    assert max(ap.values()) < 0.5
    assert form_warnings(predictions, truth, ap) == []


def first_of(given, n):
    """Keep the best detection of the first images that have one with more than half a score."""
    found = {}
    for image, one in given.items():
        best = one.scores.argmax()
        if one.scores[best] > 0.9 and len(found) < n:
            found[image] = Predictions(one.boxes_xywh[[best]], one.scores[[best]])
    return found


@pytest.mark.parametrize("n", [1, 5, 19])
def test_a_few_good_detections_are_told_nothing(n, embedded):
    truth, given = embedded
    few = first_of(given, n)
    ap = average_precision(count_set(few, truth))
    assert max(ap.values()) < 0.5
    assert form_warnings(few, truth, ap) == []


@pytest.mark.parametrize("n", [1, 5, 19])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (of_boxes(corners), "read as corners x1 y1 x2 y2, that of "),
        (of_boxes(lambda b: b + 500), "the best detection meets a face in 0 of "),
        (of_boxes(lambda b: b / 1024), "normalised? Boxes are in pixels"),
        (of_scores(lambda s: 100 * s), "percent? AP takes scores from 0 to 1"),
    ],
    ids=["corners", "elsewhere", "normalised", "percent"],
)
def test_a_few_detections_in_another_form_are_told(n, change, text, embedded):
    truth, given = embedded
    few = {image: change(one) for image, one in first_of(given, n).items()}
    (warning,) = form_warnings(few, truth, average_precision(count_set(few, truth)))
    assert text in warning


@pytest.mark.parametrize("n", [1, 5, 67])
def test_a_score_in_front_is_told(n, embedded):
    truth, given = embedded

    def turned(one):
        table = np.concatenate([one.scores[:, None], one.boxes_xywh], axis=1)
        return Predictions(table[:, :4], table[:, 4])

    some = {image: turned(one) for image, one in (given if n == 67 else first_of(given, n)).items()}
    (warning,) = form_warnings(some, truth, average_precision(count_set(some, truth)))
    assert "does the score come first? Write x y width height score" in warning


def test_a_column_of_pixels_in_place_of_the_score_is_told(embedded):
    """A class in front moves the score to the second column, the height to the fifth."""
    truth, given = embedded

    def moved(one):
        zeros = np.zeros((len(one.scores), 1))
        boxes = np.concatenate([zeros, one.scores[:, None], one.boxes_xywh[:, :2]], axis=1)
        return Predictions(boxes, np.maximum(one.boxes_xywh[:, 2], 1))

    found = {image: moved(one) for image, one in given.items()}
    (warning,) = form_warnings(found, truth, average_precision(count_set(found, truth)))
    assert "pixels? It is the score: write x y width height score" in warning


def test_a_full_set_that_meets_no_face_is_told(embedded):
    truth, given = embedded
    off = {
        i: Predictions(one.boxes_xywh + [700, 900, 0, 0], one.scores) for i, one in given.items()
    }
    (warning,) = form_warnings(off, truth, average_precision(count_set(off, truth)))
    assert "meets a face in 0 of 6" in warning
    assert "left, top, width, height in pixels of the original image, then the score" in warning


def test_no_detections_are_told_nothing(embedded):
    truth, given = embedded
    none = {image: Predictions(one.boxes_xywh[:0], one.scores[:0]) for image, one in given.items()}
    assert form_warnings(none, truth, {"easy": 0.0}) == []
