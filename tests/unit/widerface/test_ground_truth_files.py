"""Ground truth is found in every layout, or where it is named; text serves where no .mat is."""

import shutil

import pytest

from retinaface.errors import AssetError, DatasetError
from retinaface.widerface.ground_truth import ALL_FACES, SPLITS
from retinaface.widerface.ground_truth_files import load_ground_truth
from retinaface.widerface.ground_truth_text import TEXT_FILE
from tests.support.made.widerface_copy import IMAGES, write_mats, write_truth_text


@pytest.fixture
def root(tmp_path):
    write_mats(tmp_path / "ground_truth")
    return tmp_path


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


def test_a_folder_that_is_named_takes_the_place_of_the_sets_own(tmp_path):
    write_mats(tmp_path / "elsewhere")
    (tmp_path / "set").mkdir()
    truth, notes = load_ground_truth(tmp_path / "set", tmp_path / "elsewhere")
    assert (truth.images, truth.splits, notes) == (tuple(IMAGES), SPLITS, ())


@pytest.mark.parametrize(
    "folder", ["ground_truth", "wider_face_split", "eval_tools/ground_truth", "."]
)
def test_text_serves_where_no_mat_is_there(tmp_path, folder):
    path = write_truth_text(tmp_path / folder)
    truth, (note,) = load_ground_truth(tmp_path)
    assert (truth.images, truth.splits) == (tuple(IMAGES), ALL_FACES)
    assert note.startswith(f"ground truth {path}: AP of all faces, because it has no lists of easy")
    assert truth.select(IMAGES[:2]).splits == ALL_FACES


def test_mats_come_before_text(root):
    write_truth_text(root / "ground_truth")
    assert load_ground_truth(root)[0].splits == SPLITS


def test_text_can_be_named_although_mats_are_there(root):
    path = write_truth_text(root / "ground_truth")
    assert load_ground_truth(root, path)[0].splits == ALL_FACES


def test_where_a_pinned_file_cannot_be_had_the_text_is_offered(tmp_path, monkeypatch):
    text = write_truth_text(tmp_path / "set/wider_face_split")
    write_mats(tmp_path / "set/wider_face_split")
    (tmp_path / "set/wider_face_split/wider_easy_val.mat").unlink()
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "mirror"))
    write_mats(tmp_path / "mirror/widerface/ground_truth")
    with pytest.raises(AssetError, match=f"or score all faces, .*: --ground-truth {text}"):
        load_ground_truth(tmp_path / "set")


def test_a_named_place_without_ground_truth_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.mat").touch()
    for name in ("empty", "missing", "one.mat"):
        with pytest.raises(DatasetError, match=f"no ground truth in .*{name}: .* --ground-truth"):
            load_ground_truth(tmp_path, tmp_path / name)


def test_a_damaged_text_is_refused_by_name(tmp_path):
    path = write_truth_text(tmp_path)
    shutil.copy(__file__, path)
    with pytest.raises(DatasetError, match=TEXT_FILE):
        load_ground_truth(tmp_path)
