import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading.names import ImageNames, is_usual, without_ending

NAMES = ImageNames(("e/a", "e/b", "f/c", "f/same", "g/same"))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("e/a.txt", ["e/a"]),
        ("p/q/e/a.TXT", ["e/a"]),
        ("e/a.jpg.txt", ["e/a"]),
        ("a.txt", ["e/a"]),
        ("labels/a.txt", ["e/a"]),
        ("same.txt", ["f/same", "g/same"]),
        ("g/same.txt", ["g/same"]),
        ("readme.txt", []),
        ("e/z.txt", []),
    ],
)
def test_the_image_of_a_file_is_found_by_event_or_by_name(file, expected):
    assert NAMES.of_file(file.split("/"), "source") == expected


def test_a_file_in_the_folder_of_another_event_is_refused():
    with pytest.raises(DatasetError, match="f has no image a, which is e/a; move the file there"):
        NAMES.of_file(("f", "a.txt"), "source")


@pytest.mark.parametrize(
    "stated",
    [
        "a",
        "a.jpg",
        "a.JPG",
        "a.jpeg",
        "a.png",
        "a.txt",
        "e/a",
        "/e/a.jpg",
        "./e/a.jpg",
        "e\\a.jpg",
        "C:\\data\\WIDER_val\\images\\e\\a.jpg",
        "val/images/e/a.jpg",
        "/home/me/pictures/a.jpg",
    ],
)
def test_a_first_line_names_the_image_in_any_usual_way(stated):
    assert NAMES.choose(["e/a"], stated, "source") == "e/a"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("b", "source: its first line names another image, 'b'; the file was exchanged"),
        ("f/c.jpg", "names another image, 'f/c.jpg'"),
        ("image 1", "its first line is 'image 1', expected the image's name, a; write that"),
        ("f/a", "its first line is 'f/a', expected the image's name, a"),
        ("///", "its first line is '///', expected"),
    ],
)
def test_a_first_line_that_names_something_else_says_what_it_is(stated, message):
    with pytest.raises(DatasetError, match=message):
        NAMES.choose(["e/a"], stated, "source")


def test_the_first_line_tells_images_of_one_name_apart():
    same = ["f/same", "g/same"]
    assert NAMES.choose(same, "g/same.jpg", "source") == "g/same"
    for stated in ("same", ""):
        with pytest.raises(DatasetError, match="f/same and g/same have this name; put it into"):
            NAMES.choose(same, stated, "source")


def test_an_ending_is_taken_off_and_not_its_letters():
    names = ["jpg_gpj.jpg", "a.txt", "a.jpg.txt", "a.PNG", "a.b.c", "a"]
    assert [without_ending(n) for n in names] == ["jpg_gpj", "a", "a", "a", "a.b.c", "a"]


def test_the_usual_form_has_slashes_and_jpg_or_nothing():
    assert all(is_usual(stated, "e/a") for stated in ("a", "e/a.jpg", "/e/a", ""))
    assert not any(is_usual(stated, "e/a") for stated in ("e\\a.jpg", "a.png", "a.JPG", "a.txt"))
    assert is_usual("e/a.png", "e/a.png")


DEEP = ImageNames(("x", "d/x", "d/e/x", "d/e/y.png", "d/e/y.webp", "d/only.png"))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("x.txt", ["x"]),
        ("out/d/x.txt", ["d/x"]),
        ("out/d/e/x.txt", ["d/e/x"]),
        ("d/e/y.png.txt", ["d/e/y.png"]),
        ("d/e/y.txt", ["d/e/y.png", "d/e/y.webp"]),
        ("only.txt", ["d/only.png"]),
        ("d/only.png.txt", ["d/only.png"]),
    ],
)
def test_the_image_of_a_file_is_found_at_any_depth_and_with_any_ending(file, expected):
    assert DEEP.of_file(file.split("/"), "source") == expected


def test_the_first_line_tells_images_apart_that_differ_in_their_ending():
    both = DEEP.of_file(("d", "e", "y.txt"), "source")
    assert DEEP.choose(both, "y.webp", "source") == "d/e/y.webp"
    with pytest.raises(DatasetError, match="d/e/y.png and d/e/y.webp have this name"):
        DEEP.choose(both, "y", "source")


def test_a_file_in_a_deep_folder_without_that_image_is_refused():
    with pytest.raises(DatasetError, match="d/e has no image only, which is d/only.png"):
        DEEP.of_file(("d", "e", "only.txt"), "source")
