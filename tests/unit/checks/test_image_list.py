"""A list that lacks images is compared with no subset's baseline."""

from dataclasses import replace

import pytest

from retinaface.checks.image_list import check_list, check_splits, comparable_parts
from retinaface.verdicts import Verdict
from retinaface.widerface.ground_truth import ALL_FACES
from tests.support.made.ap_baseline import NAMES, truth_of

TRUTH = truth_of()
EVERY_8 = TRUTH.subset("every-8").images


def test_the_whole_set_has_the_baselines_of_its_subsets_too():
    assert [part.images for part in comparable_parts(TRUTH)] == [tuple(NAMES), EVERY_8]
    assert check_list("baseline", TRUTH) is None


def test_a_list_of_exactly_a_subset_is_that_subset():
    part = TRUTH.select(EVERY_8[::-1])
    assert comparable_parts(part) == [part]
    assert check_list("baseline", part) is None


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (NAMES[1:], "39 of 40 images of the ground truth; 1 is missing, first 0--Parade/0; "),
        (NAMES[:38], "38 of 40 images of the ground truth; 2 are missing, first 1--Riot/38; "),
        (EVERY_8[1:], "5 of 40 images of the ground truth; 35 are missing"),
        ((*EVERY_8[1:], NAMES[1]), "6 of 40 images of the ground truth; 34 are missing"),
    ],
    ids=["first-lacks", "last-lack", "every-8-lacks-one", "every-8-with-another"],
)
def test_any_other_list_is_undecided_and_compared_with_its_own_images_alone(images, text):
    part = TRUTH.select(images)
    assert [one.images for one in comparable_parts(part)] == [tuple(images)]
    check = check_list("baseline", part)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.message.startswith(text)
    assert "AP over them has no baseline; complete the list" in check.message


def test_of_the_official_set_the_official_images_are_counted():
    official = replace(TRUTH, all_images=tuple(f"e/{i}" for i in range(3226)))
    official = replace(official, images=official.all_images[32:])
    text = check_list("baseline", official).message
    assert text.startswith("3194 of 3226 official images; 32 are missing, first e/0; ")


def test_all_faces_have_no_baseline():
    assert check_splits("baseline", TRUTH) is None
    official = replace(
        TRUTH,
        all_images=tuple(f"e/{i}" for i in range(3226)),
        splits=ALL_FACES,
        sha256={"a.txt": "0"},
    )
    check = check_splits("baseline", official)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.message.startswith("AP of all faces from a.txt; baselines are of easy, medium, h")
    assert "--ground-truth" in check.message


def test_an_own_set_has_no_baseline_and_is_compared_with_another_record_of_it():
    check = check_splits("baseline", replace(TRUTH, splits=ALL_FACES, sha256={"a.json": "0"}))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.message.startswith("AP of all faces from a.json, which has no baseline; compare")
    assert "retinaface compare OLD NEW" in check.message
