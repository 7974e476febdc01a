import os

import pytest

from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.stores.disk import ImageArchive, ImageFolder, open_store
from tests.support.made.widerface_copy import IMAGES, write_official_layout, write_vendor_layout


def test_the_layout_decides_where_images_are(tmp_path):
    vendor = open_store(write_vendor_layout(tmp_path / "a"))
    assert vendor == ImageFolder(tmp_path / "a" / "val" / "images")
    official = open_store(write_official_layout(tmp_path / "b"))
    assert official == ImageFolder(tmp_path / "b" / "WIDER_val" / "images")
    packed = open_store(write_official_layout(tmp_path / "c", zipped=True))
    assert isinstance(packed, ImageArchive)
    with packed.archive:
        assert packed.read(IMAGES[0]) == vendor.read(IMAGES[0])
        assert [store.has("0--None/none") for store in (vendor, packed)] == [False, False]


def test_names_of_a_ground_truth_may_be_relative_to_the_folder_itself(tmp_path):
    with pytest.raises(DatasetError, match="no WIDER FACE images in"):
        open_store(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    assert open_store(tmp_path, ["a.png"]) == ImageFolder(tmp_path)


def test_an_image_that_is_too_long_is_refused_unread(tmp_path):
    (tmp_path / "images/e").mkdir(parents=True)
    with (tmp_path / "images/e/a.jpg").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageError, match=r"a\.jpg: it has 1048576\.0 MiB or more"):
        open_store(tmp_path).read("e/a")


def test_the_file_of_an_image_may_be_a_link(tmp_path):
    """Data sets are made of links to another disk; what is linked is decoded as an image alone."""
    (tmp_path / "images/e").mkdir(parents=True)
    (tmp_path / "real.jpg").write_bytes(b"x")
    (tmp_path / "images/e/a.jpg").symlink_to(tmp_path / "real.jpg")
    assert open_store(tmp_path).read("e/a") == b"x"
    os.mkfifo(tmp_path / "images/e/b.jpg")
    assert not open_store(tmp_path).has("e/b")
