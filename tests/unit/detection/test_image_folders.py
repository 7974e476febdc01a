"""A folder is scanned in order, and only regular files inside it are images."""

import os

import cv2
import pytest

from retinaface.detection.image_folders import FolderScan, has_image_ending
from retinaface.detection.images import decode_image
from retinaface.errors import DatasetError, ImageError
from retinaface.network.scenes import scene


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_images_come_in_the_order_of_their_names_at_any_depth(tmp_path):
    fill(tmp_path, "b.JPG", "a/z.png", "a/b/c.webp", "c.jpeg", "a.bmp", "notes.txt", "a/list.json")
    scan = FolderScan(tmp_path)
    assert list(scan) == ["a/b/c.webp", "a/z.png", "a.bmp", "b.JPG", "c.jpeg"]
    assert scan.read("a/z.png") == b"a/z.png"
    assert scan.notes() == [f"passed over in {tmp_path}: 2 without an image's ending"]


def test_what_is_hidden_leads_out_or_is_no_file_is_passed_over(tmp_path):
    top = tmp_path / "top"
    fill(top, "a.png", ".b.png", ".git/c.png", "d/e.png")
    fill(tmp_path, "outside/f.png")
    (top / "inside.png").symlink_to(top / "d/e.png")
    (top / "out.png").symlink_to(tmp_path / "outside/f.png")
    (top / "gone.png").symlink_to(tmp_path / "gone")
    (top / "folder").symlink_to(tmp_path / "outside")
    (top / "loop").symlink_to(top)
    os.mkfifo(top / "pipe.png")
    scan = FolderScan(top)
    assert list(scan) == ["a.png", "d/e.png", "inside.png"]
    assert scan.notes() == [
        f"passed over in {top}: 2 hidden, 4 links to folders, or to files outside of the folder, "
        "1 neither files nor folders"
    ]


def test_names_that_are_no_text_are_passed_over(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb"):  # noqa: PTH123 - a name in bytes
        pass
    scan = FolderScan(tmp_path)
    assert list(scan) == []
    assert scan.passed_over == {"with a name that is not UTF-8": 1}


def test_a_folder_that_is_none_or_cannot_be_read_is_refused_by_name(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="x: it is not a folder; check the path"):
        FolderScan(tmp_path / "x")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match="cannot read the folder .*: Permission denied; check"):
        list(FolderScan(tmp_path))


def test_an_image_that_went_away_is_a_bad_image(tmp_path):
    with pytest.raises(ImageError, match="cannot read image a.png in .*: No such file"):
        FolderScan(tmp_path).read("a.png")


@pytest.mark.parametrize(
    "ending", [".jpg", ".JPG", ".jpeg", ".jp2", ".png", ".bmp", ".webp", ".tiff", ".ppm"]
)
def test_opencv_decodes_the_endings(ending):
    assert has_image_ending(f"a{ending}")
    data = cv2.imencode(ending.lower(), scene(32, 32, 0))[1].tobytes()
    assert decode_image(data, "a").shape == (32, 32, 3)
