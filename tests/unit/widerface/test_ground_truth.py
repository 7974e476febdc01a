import shutil

import numpy as np
import pytest

from retinaface.errors import AssetError, DatasetError
from retinaface.widerface.ground_truth import image_id, load_ground_truth
from tests.support.made.widerface_copy import FACES, IMAGES, write_mats


@pytest.fixture
def root(tmp_path):
    write_mats(tmp_path / "ground_truth")
    return tmp_path


def test_ground_truth_holds_boxes_and_the_splits_that_count_them(root):
    truth, notes = load_ground_truth(root)
    assert truth.images == tuple(IMAGES)
    assert truth.n_images_total == len(IMAGES)
    assert notes == ()
    for faces, counted in zip(truth.faces_xywh, truth.counted, strict=True):
        np.testing.assert_array_equal(faces, FACES)
        assert counted.sum(axis=0).tolist() == [1, 2, 3]
        assert counted[:, 0].tolist() == [True, False, False, False]


def test_every_8_is_every_eighth_image_of_each_event_in_name_order(root):
    subset = load_ground_truth(root)[0].subset("every-8")
    assert sorted(subset.images) == [
        "0--Parade/0_Parade_10",
        "0--Parade/0_Parade_9",
        "1--Handshaking/1_Handshaking_1",
    ]
    assert subset.n_images_total == len(IMAGES)


def test_subset_and_select_refuse_unknown_names(root):
    truth, _ = load_ground_truth(root)
    with pytest.raises(DatasetError, match="unknown subset 'every-9'; expected one of: every-8"):
        truth.subset("every-9")
    with pytest.raises(DatasetError, match="1 images are not in the ground truth, first e/x"):
        truth.select(["e/x"])


@pytest.mark.parametrize("name", ["wider_face_val.mat", "wider_hard_val.mat"])
def test_a_missing_file_is_named_with_the_command_that_gets_it(root, name):
    (root / "ground_truth" / name).unlink()
    with pytest.raises(DatasetError, match=f"{name} is missing.*assets fetch {name}"):
        load_ground_truth(root)


def test_files_that_the_official_zips_lack_come_from_the_pinned_ones(tmp_path, monkeypatch):
    write_mats(tmp_path / "set/wider_face_split")
    mirror = tmp_path / "mirror"
    (tmp_path / "set/wider_face_split/wider_easy_val.mat").unlink()
    monkeypatch.setenv("RETINAFACE_ASSETS", str(mirror))
    write_mats(mirror / "widerface/ground_truth")
    with pytest.raises(AssetError, match="is not the pinned wider_easy_val.mat"):
        load_ground_truth(tmp_path / "set")


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
        load_ground_truth(root)


def test_a_file_that_lacks_its_last_bytes_is_refused(root):
    path = root / "ground_truth/wider_medium_val.mat"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DatasetError, match=r"wider_medium_val\.mat: ValueError: .* cut short"):
        load_ground_truth(root)


def test_a_splits_file_under_the_name_of_the_faces_is_refused(root):
    shutil.copy(root / "ground_truth/wider_hard_val.mat", root / "ground_truth/wider_face_val.mat")
    with pytest.raises(
        DatasetError, match=r"wider_face_val\.mat should be .*, but it is that of a split"
    ):
        load_ground_truth(root)


@pytest.mark.parametrize(
    "boxes", [np.zeros((4, 3)), np.zeros((4, 8)), np.full((4, 4), np.nan)], ids=["3", "8", "nan"]
)
def test_malformed_boxes_are_refused(root, boxes, monkeypatch):
    monkeypatch.setattr("tests.support.made.widerface_copy.FACES", boxes)
    monkeypatch.setattr("tests.support.made.widerface_copy.FACE_TYPE", float)
    write_mats(root / "ground_truth")
    with pytest.raises(DatasetError, match="boxes should be"):
        load_ground_truth(root)


@pytest.mark.parametrize(("one", "other"), [("easy", "hard"), ("easy", "medium")])
def test_exchanged_splits_are_refused(root, one, other):
    a, b = (root / f"ground_truth/wider_{split}_val.mat" for split in (one, other))
    kept = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(kept)
    with pytest.raises(DatasetError, match="has the content of another file"):
        load_ground_truth(root)


@pytest.mark.parametrize("text", ["/e/n.jpg", "e/n.jpg", "e/n", "e/n.JPG", " e/n.jpg\r"])
def test_image_id_takes_the_usual_forms(text):
    assert image_id(text) == "e/n"


@pytest.mark.parametrize(
    "text", ["../n.jpg", "e/..", "/../n", "a/b/c.jpg", "n.jpg", "", "//n", "e\\n/x", "e/\0", "./n"]
)
def test_image_id_refuses_names_that_lead_out(text):
    with pytest.raises(DatasetError, match="not of the form"):
        image_id(text)


def test_image_id_takes_off_the_ending_not_its_letters():
    assert image_id("e/jpg_gpj.jpg") == "e/jpg_gpj"
