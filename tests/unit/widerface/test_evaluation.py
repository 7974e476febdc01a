import hashlib

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import evaluate
from retinaface.widerface.reading.predictions import read_predictions
from retinaface.widerface.scoring import score_predictions
from tests.support.made.widerface_copy import IMAGES, write_vendor_layout
from tests.support.widerface import Finder


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
    written = read_predictions(tmp_path / "predictions", IMAGES).predictions
    assert set(written) == set(IMAGES)
    assert score_predictions(written, dataset.truth).ap == result.ap
    assert list(result.detections) == IMAGES


def test_the_files_that_were_read_are_hashed(dataset):
    result = run(dataset)
    assert list(result.image_sha256) == IMAGES
    for image in IMAGES:
        assert result.image_sha256[image] == hashlib.sha256(dataset.read_bytes(image)).hexdigest()


def test_a_bad_image_stops_the_run(dataset):
    (dataset.root / "val/images" / f"{IMAGES[5]}.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=f"{IMAGES[5]}: the file is empty"):
        run(dataset)


def test_a_skipped_bad_image_counts_as_missed(dataset):
    (dataset.root / "val/images" / f"{IMAGES[5]}.jpg").write_bytes(b"")
    result = run(dataset, skip_bad_images=True)
    assert list(result.bad_images) == [IMAGES[5]]
    assert result.counts.n_images == len(IMAGES)
    assert result.counts.n_faces.sum(axis=0).tolist() == [11, 22, 33]


def test_a_set_of_bad_images_alone_is_an_error(dataset):
    for image in IMAGES:
        (dataset.root / "val/images" / f"{image}.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="none of 11 images could be used"):
        run(dataset, skip_bad_images=True)
