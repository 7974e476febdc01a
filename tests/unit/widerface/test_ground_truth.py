import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.ground_truth import file_name, image_id
from retinaface.widerface.ground_truth_files import load_ground_truth
from tests.support.made.widerface_copy import IMAGES, write_mats


@pytest.fixture
def root(tmp_path):
    write_mats(tmp_path / "ground_truth")
    return tmp_path


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
    with pytest.raises(DatasetError, match="unknown subset 'every-9'; did you mean every-8?"):
        truth.subset("every-9")
    with pytest.raises(DatasetError, match="1 images are not in the ground truth, first e/x"):
        truth.select(["e/x"])


@pytest.mark.parametrize("text", ["/e/n.jpg", "e/n.jpg", "e/n", " e/n.jpg\r"])
def test_image_id_takes_the_usual_forms(text):
    assert image_id(text) == "e/n"


@pytest.mark.parametrize(
    "text",
    [
        *("../n.jpg", "e/..", "/../n", "a/b/c", "n", "", "//n", "e\\n/x", "e/\0", "./n"),
        *("a/../n.png", "C:/n.png", "a/c:n.png", "a//b.png", "a/.jpg"),
    ],
)
def test_image_id_refuses_names_that_lead_out(text):
    with pytest.raises(DatasetError, match="not of the form"):
        image_id(text)


def test_image_id_takes_off_the_ending_not_its_letters():
    assert image_id("e/jpg_gpj.jpg") == "e/jpg_gpj"


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("n.jpg", "n"),
        ("a/b/c.jpg", "a/b/c"),
        ("a/b/c.png", "a/b/c.png"),
        ("e/n.JPG", "e/n.JPG"),
        ("e/n.jpeg", "e/n.jpeg"),
        ("e/n.png.jpg", "e/n.png.jpg"),
        ("e/n.jpg.jpg", "e/n.jpg.jpg"),
        ("2026-11-27T10:00:00.webp", "2026-11-27T10:00:00.webp"),
    ],
)
def test_an_id_gives_the_file_back_at_any_depth_and_with_any_ending(name, image):
    assert image_id(name) == image
    assert file_name(image) == name
