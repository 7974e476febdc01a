import shutil

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.ground_truth import SPLITS
from retinaface.widerface.ground_truth_mats import MAT_FILES, read_mats
from tests.support.made.widerface_copy import FACES, IMAGES, write_mats


@pytest.fixture
def root(tmp_path):
    write_mats(tmp_path / "ground_truth")
    return tmp_path


def read(root):
    return read_mats([root / "ground_truth" / name for name in MAT_FILES])


def test_ground_truth_holds_boxes_and_the_splits_that_count_them(root):
    truth = read(root)
    assert truth.images == tuple(IMAGES)
    assert truth.n_images_total == len(IMAGES)
    assert truth.splits == SPLITS
    assert sorted(truth.sha256) == sorted(MAT_FILES)
    for faces, counted in zip(truth.faces_xywh, truth.counted, strict=True):
        np.testing.assert_array_equal(faces, FACES)
        assert counted.sum(axis=0).tolist() == [1, 2, 3]
        assert counted[:, 0].tolist() == [True, False, False, False]


def damage(path, how):
    data = path.read_bytes()
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "text":
        path.write_text("hello")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "another":
        shutil.copy(path.with_name("wider_face_val.mat"), path)


@pytest.mark.parametrize("how", ["truncated", "text", "empty", "another"])
def test_a_damaged_file_is_refused_by_name(root, how):
    path = root / "ground_truth/wider_medium_val.mat"
    damage(path, how)
    with pytest.raises(DatasetError, match=r"wider_medium_val\.mat"):
        read(root)


def test_a_file_that_lacks_its_last_bytes_is_refused(root):
    path = root / "ground_truth/wider_medium_val.mat"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DatasetError, match=r"wider_medium_val\.mat: .* cut short"):
        read(root)


def test_a_splits_file_under_the_name_of_the_faces_is_refused(root):
    shutil.copy(root / "ground_truth/wider_hard_val.mat", root / "ground_truth/wider_face_val.mat")
    with pytest.raises(
        DatasetError, match=r"wider_face_val\.mat should be .*, but it is that of a split"
    ):
        read(root)


@pytest.mark.parametrize(
    "boxes", [np.zeros((4, 3)), np.zeros((4, 8)), np.full((4, 4), np.nan)], ids=["3", "8", "nan"]
)
def test_malformed_boxes_are_refused(root, boxes, monkeypatch):
    monkeypatch.setattr("tests.support.made.widerface_copy.FACES", boxes)
    monkeypatch.setattr("tests.support.made.widerface_copy.FACE_TYPE", float)
    write_mats(root / "ground_truth")
    with pytest.raises(DatasetError, match="boxes should be"):
        read(root)


@pytest.mark.parametrize(("one", "other"), [("easy", "hard"), ("easy", "medium")])
def test_exchanged_splits_are_refused(root, one, other):
    a, b = (root / f"ground_truth/wider_{split}_val.mat" for split in (one, other))
    kept = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(kept)
    with pytest.raises(DatasetError, match="has the content of another file"):
        read(root)
