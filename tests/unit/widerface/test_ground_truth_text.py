"""The official text gives all faces but invalid ones, as one split."""

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.ground_truth import ALL_FACES
from retinaface.widerface.ground_truth_text import read_truth_text
from tests.support.made.widerface_copy import FACES, IMAGES, write_truth_text

# Blur, expression, illumination, invalid, occlusion, pose.
TEXT = """0--Parade/a.jpg
2
10 20 30 40 0 0 0 0 0 0
1 2 3 4 2 0 0 1 2 0
0--Parade/none.jpg
0
0 0 0 0 0 0 0 0 0 0
0--Parade/b.jpg
1
5 6 7 8 0 0 0 0 0 0
"""


def read(tmp_path, text):
    path = tmp_path / "truth.txt"
    path.write_text(text)
    return read_truth_text(path)


def test_faces_are_read_and_invalid_ones_ignored(tmp_path):
    truth = read(tmp_path, TEXT)
    assert truth.images == truth.all_images == ("0--Parade/a", "0--Parade/none", "0--Parade/b")
    assert [faces.tolist() for faces in truth.faces_xywh] == [
        [[10, 20, 30, 40], [1, 2, 3, 4]],
        [],
        [[5, 6, 7, 8]],
    ]
    assert [counted.tolist() for counted in truth.counted] == [[[True], [False]], [], [[True]]]
    assert truth.faces_xywh[1].shape == (0, 4)
    assert truth.counted[1].shape == (0, 1)
    assert truth.splits == ALL_FACES
    assert list(truth.sha256) == ["truth.txt"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("0 0\n", "0 0 \n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("0 0 0 0 0 0 0 0 0 0\n", ""),
        lambda text: text.rstrip(),
    ],
    ids=["crlf", "spaces", "mark", "no-zeros", "no-end"],
)
def test_line_ends_and_the_line_of_zeros_may_differ(tmp_path, change):
    assert [len(faces) for faces in read(tmp_path, change(TEXT)).faces_xywh] == [2, 0, 1]


def test_a_set_of_text_is_that_of_the_mats(tmp_path):
    truth = read_truth_text(write_truth_text(tmp_path))
    assert truth.images == tuple(IMAGES)
    for faces in truth.faces_xywh:
        np.testing.assert_array_equal(faces, FACES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no images"),
        (TEXT + TEXT, "lists an image twice"),
        ("0--Parade/a.jpg\n", "expected the number of faces behind 0--Parade/a, got"),
        ("0--Parade/a.jpg\nmany\n", "expected the number of faces"),
        ("0--Parade/a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "has 2 faces, but the file ends after 1"),
        ("0--Parade/a.jpg\n1\n1 2 3\n", "line 3 is '1 2 3', expected x y w h and flags"),
        ("0--Parade/a.jpg\n1\n1 2 3 nan\n", "line 3 is '1 2 3 nan'"),
        ("0--Parade/a.jpg\n1\n0--Parade/b.jpg\n", "line 3 is '0--Parade/b.jpg'"),
        ("../a.jpg\n0\n", "not of the form"),
        ("0--Parade/a.jpg\n1\n1 2 3 4\n5 6 7 8\n", "not of the form"),
    ],
)
def test_a_malformed_text_is_refused_with_the_file(tmp_path, text, message):
    with pytest.raises(DatasetError, match=f"truth.txt.*{message}.*; fetch it again|{message}"):
        read(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "truth.txt").write_bytes(b"\xff\xff")
    with pytest.raises(DatasetError, match="cannot read ground truth .*truth.txt"):
        read_truth_text(tmp_path / "truth.txt")


@pytest.mark.parametrize(
    "text",
    [
        "A" * 10**6,
        "e/a.jpg\n" + "9" * 5000,
        "e/a.jpg\n\N{ARABIC-INDIC DIGIT ONE}\n1 1 1 1\n",
        "e/a.jpg\n1\n" + "x" * 10**6,
        "e/a.jpg\n1\n1 1 1 1e10\n",
        "e/a.jpg\n1\n1 1 1 nan\n",
        "e/a.jpg\n999999999\n1 1 1 1\n",
        "a" * 5000 + "/a.jpg\n0\n",
    ],
    ids=["line", "count", "digit", "row", "large", "nan", "many", "name"],
)
def test_a_hostile_text_is_refused_in_a_short_line(tmp_path, text):
    with pytest.raises(DatasetError, match=r"truth\.txt: .*fetch it again") as caught:
        read(tmp_path, text)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_a_text_that_is_too_long_is_refused_unread(tmp_path):
    with (tmp_path / "truth.txt").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DatasetError, match=r"truth\.txt: it has 1048576\.0 MiB or more"):
        read_truth_text(tmp_path / "truth.txt")
