from dataclasses import replace

import numpy as np
import pytest

from retinaface.cli.options import SCORING_NAMES
from retinaface.embedded import embedded_root
from retinaface.errors import DatasetError
from retinaface.suite.options import SUBSET_NAMES
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.ground_truth_files import load_ground_truth
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.run_list import RunList
from retinaface.widerface.scoring import (
    SCORINGS,
    coverage_note,
    score_files,
    score_predictions,
    scored_selection,
)
from retinaface.widerface.subsets import SUBSETS, images_of_subset
from tests.support.made.widerface_copy import FACES, IMAGES, write_truth_text, write_vendor_layout


@pytest.fixture
def dataset(tmp_path):
    return open_widerface(write_vendor_layout(tmp_path))


def test_the_command_line_names_the_subsets_and_scorings():
    assert SUBSET_NAMES == SUBSETS
    assert SCORING_NAMES == SCORINGS


PERFECT = Predictions(FACES.astype(float), np.array([0.9, 0.8, 0.7, 0.6]))


def test_score_counts_a_missing_file_as_missed_with_a_note(dataset):
    predictions = dict.fromkeys(IMAGES[:-1], PERFECT)
    score = score_predictions(predictions, dataset.truth)
    assert score.missing == [IMAGES[-1]]
    assert score.ap["hard"] == pytest.approx(10 / 11)
    assert any("all their faces count as missed" in note for note in score.notes)


def test_score_of_a_subset_ignores_other_images(dataset):
    wanted = dataset.truth.subset("every-8").images
    bad = Predictions(FACES + 500.0, PERFECT.scores)
    predictions = {i: PERFECT if i in wanted else bad for i in IMAGES}
    score = score_predictions(predictions, dataset.truth, subset="every-8")
    assert score.ap == {"easy": 1, "medium": 1, "hard": 1}
    assert score.n_images == 3


def test_score_of_a_subset_over_the_whole_set_suggests_the_option(dataset):
    predictions = dict.fromkeys(dataset.truth.subset("every-8").images, PERFECT)
    score = score_predictions(predictions, dataset.truth)
    assert "add --subset every-8" in score.notes[1]


def test_score_refuses_unknown_images_and_empty_predictions(dataset):
    with pytest.raises(DatasetError, match="not in the ground truth, first e/x"):
        score_predictions({"e/x": PERFECT}, dataset.truth)
    with pytest.raises(DatasetError, match="none of the images to score has a prediction file"):
        score_predictions({IMAGES[1]: PERFECT}, dataset.truth, subset="every-8")


def test_only_the_images_of_a_run_are_scored(dataset):
    run_list = RunList(images=list(IMAGES[5:2:-1]), label="a label")
    score = score_predictions(dict.fromkeys(IMAGES[3:5], PERFECT), dataset.truth, run_list=run_list)
    assert score.truth.images == tuple(IMAGES[5:2:-1])
    assert score.missing == [IMAGES[5]]  # it was run, and did not decode
    assert score.ap["hard"] == pytest.approx(2 / 3)
    assert "covers 3 of 11 images" in score.notes[0]
    assert "only the 3 images that `retinaface evaluate` ran are scored" in score.notes[1]
    assert score.notes[2] == "a label"


def test_files_are_scored_with_all_their_notes(dataset, tmp_path):
    event, _, name = IMAGES[0].partition("/")
    for folder in (event, ".git"):
        (tmp_path / "p" / folder).mkdir(parents=True)
        (tmp_path / "p" / folder / f"{name}.txt").write_text(f"{name}\n1\n10 10 60 60 0.9\n")
    score = score_files(tmp_path / "p", dataset.truth, notes=["on the ground truth"])
    assert (score.n_images, score.n_detections, len(score.missing)) == (11, 1, 10)
    assert [note[:25] for note in score.notes[1:]] == [
        "10 of 11 images have no p",
        "1 file hidden or of the s",
        "on the ground truth",
    ]


def test_low_ap_for_want_of_files_is_no_sign_of_a_fault(dataset):
    one = score_predictions({IMAGES[0]: PERFECT}, dataset.truth)
    assert one.ap["hard"] < 0.1
    assert one.warnings == []
    none = Predictions(np.zeros((0, 4)), np.zeros(0))
    (warning,) = score_predictions({IMAGES[0]: none}, dataset.truth).warnings
    assert warning.startswith("next to no detection (0 in 1 images): something is wrong")
    (warning,) = score_predictions(dict.fromkeys(IMAGES, none), dataset.truth).warnings
    assert warning.startswith("next to no detection (0 in 11 images), AP next to 0")


def test_text_gives_ap_of_all_faces_and_says_what_that_is(tmp_path):
    truth, _ = load_ground_truth(write_truth_text(tmp_path))
    score = score_predictions(dict.fromkeys(IMAGES, PERFECT), truth)
    assert score.ap == {"all faces": 1.0}
    assert "AP of all faces that wider_face_val_bbx_gt.txt does not mark invalid" in score.notes[0]
    assert "not comparable with AP of easy, medium or hard" in score.notes[0]


def test_ixrt_scoring_leaves_out_and_is_labelled(dataset):
    truth = dataset.select()
    kept, label = scored_selection(truth, "ixrt", batch_size=4)
    assert kept.images == tuple(IMAGES[:8])
    assert "the last 3 images" in label
    assert "not the official protocol" in label
    assert scored_selection(truth, "official", batch_size=4) == (truth, None)
    with pytest.raises(DatasetError, match="no complete batch of 32"):
        scored_selection(truth, "ixrt", batch_size=32)
    score = score_predictions(dict.fromkeys(IMAGES[:8], PERFECT), dataset.truth, scoring="ixrt")
    assert score.ap["hard"] == 1
    assert score.n_images == 8
    assert "3 images without a prediction file were left out" in score.notes[1]


def test_coverage_names_what_a_result_is_comparable_with(dataset):
    truth = dataset.truth
    assert "covers 11 of 11 images of a ground truth that is not" in coverage_note(truth)
    official = replace(truth, all_images=tuple(f"e/{i}" for i in range(3226)))
    part = replace(official, images=official.all_images[32:])
    assert coverage_note(part) == (
        "covers 3194 of 3226 images (a part of the set: 32 are missing, first e/0): not "
        "comparable with AP over the full set"
    )
    every_8 = replace(official, images=images_of_subset("every-8", official.all_images))
    assert "images (the subset every-8): not comparable" in coverage_note(every_8)
    assert coverage_note(replace(official, images=official.all_images)) == "covers all 3226 images"


def test_a_part_of_the_embedded_set_is_told_from_all_of_it():
    truth, _ = load_ground_truth(embedded_root())
    assert coverage_note(truth) == (
        "covers 67 of 67 images of the embedded set: comparable only with that set"
    )
    note = coverage_note(truth.select(truth.images[1:]))
    assert f"1 is missing, first {truth.images[0]}): comparable only with the same part" in note
