import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.image_list import own_list, read_image_list

TEXT = "/e/a.jpg\ne/b.jpg\n"


def write(root, name, text):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text)


def test_a_list_may_have_leading_slashes_and_empty_lines(tmp_path):
    (tmp_path / "list.txt").write_text("/e/a.jpg\r\n\r\ne/b.jpg\n")
    assert read_image_list(tmp_path / "list.txt") == ("e/a", "e/b")


def test_either_slash_separates_event_and_name_and_none_leads_out(tmp_path):
    (tmp_path / "list.txt").write_text("\\e\\a.jpg\ne\\b.jpg\n")
    assert read_image_list(tmp_path / "list.txt") == ("e/a", "e/b")
    for line in ("..\\a.jpg", "C:\\a.jpg", "\\\\a.jpg"):
        (tmp_path / "list.txt").write_text(line)
        with pytest.raises(DatasetError, match="not of the form"):
            read_image_list(tmp_path / "list.txt")


@pytest.mark.parametrize("name", ["val/wider_val.txt", "wider_val.txt"])
def test_the_list_of_either_vendor_layout_is_the_sets_own(tmp_path, name):
    write(tmp_path, name, TEXT)
    assert own_list(tmp_path) == (tmp_path / name, ("e/a", "e/b"))


def test_a_set_may_have_no_list(tmp_path):
    assert own_list(tmp_path) is None


def test_two_lists_must_agree_in_images_and_order(tmp_path):
    write(tmp_path, "val/wider_val.txt", TEXT)
    write(tmp_path, "wider_val.txt", "e/a.jpg\ne/b.jpg\n")
    assert own_list(tmp_path) == (tmp_path / "val/wider_val.txt", ("e/a", "e/b"))
    for text, what in (("e/b.jpg\ne/a.jpg\n", "order"), ("e/a.jpg\n", "images")):
        write(tmp_path, "wider_val.txt", text)
        with pytest.raises(DatasetError, match=f"differ in their {what}, .*; keep one"):
            own_list(tmp_path)


@pytest.mark.parametrize("name", ["val/wider_val.txt", "wider_val.txt"])
def test_a_list_that_a_link_takes_out_of_the_set_is_refused(tmp_path, name):
    (tmp_path / "secret").write_text("secret words")
    (tmp_path / "set/val").mkdir(parents=True)
    (tmp_path / "set" / name).symlink_to(tmp_path / "secret")
    with pytest.raises(DatasetError, match=r"wider_val\.txt: a link leads out of") as caught:
        own_list(tmp_path / "set")
    assert "secret words" not in str(caught.value)


def test_a_list_of_many_equal_lines_is_refused_at_once(tmp_path):
    (tmp_path / "list.txt").write_text("".join(f"e/{i}.jpg\n" for i in range(10**5)) * 2)
    with pytest.raises(DatasetError, match="e/0 is listed twice"):
        read_image_list(tmp_path / "list.txt")


def test_a_list_that_is_too_long_is_refused_unread(tmp_path):
    with (tmp_path / "list.txt").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DatasetError, match=r"list\.txt: it has 1048576\.0 MiB or more"):
        read_image_list(tmp_path / "list.txt")
