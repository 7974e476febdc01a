"""A detector that finds next to nothing is told so; one that works is not."""

import math

import pytest

from retinaface.widerface.plausibility import next_to_nothing, no_face

FINE = {"easy": 0.8, "medium": 0.7, "hard": 0.4}
NOTHING = dict.fromkeys(FINE, 0.0)


@pytest.mark.parametrize(
    ("ap", "counts", "text"),
    [
        (NOTHING, {}, "AP next to 0 (easy 0.00 %, medium 0.00 %, hard 0.00 %): something is"),
        (dict.fromkeys(FINE, 0.049), {}, "AP next to 0 (easy 4.90 %"),
        (dict.fromkeys(FINE, math.nan), {}, "AP next to 0 (easy nan %"),
        (FINE | {"hard": 0.001}, {"n_images": 434}, "AP next to 0 (hard 0.10 %): "),
        ({}, {"n_images": 67, "n_detections": 6}, "next to no detection (6 in 67 images): "),
        (FINE, {"n_images": 67, "n_detections": 0}, "next to no detection (0 in 67 images): "),
        (NOTHING, {"n_images": 3, "n_detections": 0}, "(0 in 3 images), AP next to 0"),
    ],
)
def test_next_to_nothing_is_told_with_what_to_look_at(ap, counts, text):
    found = next_to_nothing(ap, **counts)
    assert text in found
    assert found.endswith("look at some: retinaface detect IMAGE --score 0.02 --draw DIR")


@pytest.mark.parametrize(
    ("ap", "counts"),
    [
        (FINE, {"n_images": 67, "n_detections": 3026}),
        ({"easy": 0.051, "medium": 0.03, "hard": 0.02}, {"n_images": 3226}),
        (FINE | {"easy": 0.0}, {"n_images": 4, "n_detections": 90}),  # no easy face among four
        ({}, {}),
        ({}, {"n_images": 67, "n_detections": 7}),
    ],
)
def test_what_finds_something_is_told_nothing(ap, counts):
    assert next_to_nothing(ap, **counts) == ""


def test_no_face_anywhere_is_told_for_one_image_and_for_many():
    assert no_face(1, 0.5).startswith("no face in the image above a score of 0.5; ")
    assert no_face(3, 0.25).startswith("no face in any of the 3 images above a score of 0.25; ")
