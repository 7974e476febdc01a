import hashlib
from dataclasses import replace

import numpy as np
import pytest

from retinaface.cli.options import SCORING_NAMES, SUBSET_NAMES
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import (
    SCORINGS,
    coverage_note,
    evaluate,
    score_predictions,
    scored_selection,
)
from retinaface.widerface.ground_truth import SUBSETS
from retinaface.widerface.predictions import Predictions, read_predictions
from tests.support.widerface import Finder
from tests.support.widerface_copy import FACES, IMAGES, write_vendor_layout


def test_the_command_line_names_the_subsets_and_scorings():
    assert SUBSET_NAMES == SUBSETS
    assert SCORING_NAMES == SCORINGS


PERFECT = Predictions(FACES.astype(float), np.array([0.9, 0.8, 0.7, 0.6]))


@pytest.fixture
def dataset(tmp_path):
    return open_widerface(write_vendor_layout(tmp_path))


def run(dataset, engine=None, **options):
    engine = engine or Finder()
    return evaluate(
        engine, PIPELINES["igie"], dataset, dataset.select(), **({"batch_size": 4} | options)
    )


def test_ap_is_that_of_the_predictions_written(dataset, tmp_path):
    (tmp_path / "predictions").mkdir()
    result = run(dataset, predictions_dir=tmp_path / "predictions")
    written = read_predictions(tmp_path / "predictions")
    assert set(written) == set(IMAGES)
    assert score_predictions(written, dataset.truth).ap == result.ap
    assert list(result.detections) == IMAGES


def test_the_files_that_were_read_are_known_by_their_content(dataset):
    result = run(dataset)
    assert list(result.image_sha256) == IMAGES
    for image in IMAGES:
        assert result.image_sha256[image] == hashlib.sha256(dataset.read_bytes(image)).hexdigest()


def test_a_bad_image_stops_the_run(dataset):
    (dataset.root / "val/images" / f"{IMAGES[5]}.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=f"{IMAGES[5]}: the file is empty"):
        run(dataset)


def test_a_bad_image_that_is_passed_over_counts_as_missed(dataset):
    (dataset.root / "val/images" / f"{IMAGES[5]}.jpg").write_bytes(b"")
    result = run(dataset, skip_bad_images=True)
    assert list(result.bad_images) == [IMAGES[5]]
    assert result.counts.n_images == len(IMAGES)
    assert result.counts.n_faces.sum(axis=0).tolist() == [11, 22, 33]


def test_nothing_but_bad_images_is_an_error(dataset):
    for image in IMAGES:
        (dataset.root / "val/images" / f"{image}.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="none of 11 images could be used"):
        run(dataset, skip_bad_images=True)


def test_score_counts_a_missing_file_as_missed_and_says_so(dataset):
    predictions = dict.fromkeys(IMAGES[:-1], PERFECT)
    score = score_predictions(predictions, dataset.truth)
    assert score.missing == [IMAGES[-1]]
    assert score.ap["hard"] == pytest.approx(10 / 11)
    assert any("all their faces count as missed" in note for note in score.notes)


def test_score_of_a_subset_looks_at_nothing_else(dataset):
    wanted = dataset.truth.subset("every-8").images
    bad = Predictions(FACES + 500.0, PERFECT.scores)
    predictions = {i: PERFECT if i in wanted else bad for i in IMAGES}
    score = score_predictions(predictions, dataset.truth, subset="every-8")
    assert score.ap == {"easy": 1, "medium": 1, "hard": 1}
    assert score.n_images == 3


def test_score_of_a_subset_against_the_whole_set_names_the_option(dataset):
    predictions = dict.fromkeys(dataset.truth.subset("every-8").images, PERFECT)
    score = score_predictions(predictions, dataset.truth)
    assert "add --subset every-8" in score.notes[1]


def test_score_refuses_unknown_images_and_nothing(dataset):
    with pytest.raises(DatasetError, match="not in the ground truth, first e/x"):
        score_predictions({"e/x": PERFECT}, dataset.truth)
    with pytest.raises(DatasetError, match="no prediction file of any image to score"):
        score_predictions({IMAGES[1]: PERFECT}, dataset.truth, subset="every-8")


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


def test_coverage_says_what_a_result_compares_with(dataset):
    truth = dataset.truth
    assert "covers 11 of 11 images of a ground truth that is not" in coverage_note(truth, None)
    official = replace(truth, n_images_total=3226)
    note = coverage_note(official, "every-8")
    assert note.startswith("covers 11 of 3226 images (the subset every-8): does not compare")
    whole = replace(official, images=tuple(f"e/{i}" for i in range(3226)))
    assert coverage_note(whole, None) == "covers all 3226 images"
