import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.errors import DatasetError
from retinaface.widerface.predictions import (
    format_predictions,
    official_form,
    parse_predictions,
    read_predictions,
    write_predictions,
)

BOXES = np.array([[10.9, 20.2, 30.99, 40.1], [-3.7, -0.2, 5.5, 6.6]], dtype=np.float32)
SCORES = np.array([0.91050637, 0.02], dtype=np.float32)
TEXT = "name\n2\n10 20 20 20 0.91050637 \n-3 0 8 6 0.02 \n"


def test_format_is_that_of_the_vendors_scripts():
    assert format_predictions("name", BOXES, SCORES) == TEXT


def test_format_of_nothing_is_a_name_and_a_zero():
    assert format_predictions("name", BOXES[:0], SCORES[:0]) == "name\n0\n"


@given(
    arrays(np.float32, (3, 4), elements=st.floats(-50, 2000, width=32)),
    arrays(np.float32, 3, elements=st.floats(0.03125, 1, width=32)),
)
def test_reading_back_what_was_written_is_the_official_form(boxes, scores):
    name, parsed = parse_predictions(format_predictions("a_b", boxes, scores), "text")
    expected = official_form(boxes, scores)
    assert name == "a_b"
    np.testing.assert_array_equal(parsed.boxes_xywh, expected.boxes_xywh)
    np.testing.assert_array_equal(parsed.scores, expected.scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the image's name"),
        ("name\n", "expected the image's name"),
        ("name\nmany\n1 2 3 4 0.5\n", "expected the image's name"),
        ("name\n-1\n", "expected the image's name"),
        ("name\n2\n1 2 3 4 0.5\n", "announces 2 detections, but 1 follow"),
        ("name\n1\n1 2 3 4 0.5\n1 2 3 4 0.5\n", "announces 1 detections, but 2 follow"),
        ("name\n1\n1 2 3 4\n", "line 3 has 4 columns, expected 5"),
        ("name\n2\n1 2 3 4 0.5\n1 2 3 4 0.5 9\n", "line 4 has 6 columns, expected 5"),
        ("name\n1\n1 2 3 4 nan\n", "line 3 holds a NaN"),
        ("name\n1\n1 2 inf 4 0.5\n", "line 3 holds a NaN, an infinity or"),
        ("name\n1\n1 2 x 4 0.5\n", "expected numbers"),
        ("name\n1\n1 2 3 4 1_0\n", "expected plain numbers"),
        ("name\n1\n1 2 3 4 \u0661\n", "expected plain numbers"),
        ("name\n1\n1e200 2 3 4 0.5\n", "a number beyond 1e\\+09"),
        ("name\n\u00b2\n", "expected the image's name"),
        ("name\n" + "9" * 5000 + "\n", "expected the image's name"),
    ],
)
def test_parse_refuses_a_malformed_file(text, message):
    with pytest.raises(DatasetError, match=message):
        parse_predictions(text, "file")


def test_parse_accepts_other_line_ends_and_empty_lines_at_the_end():
    assert parse_predictions("n\r\n1\r\n1 2 3 4 5e-1\r\n\r\n", "file")[1].scores == 0.5


def write_tree(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_read_takes_a_folder_or_a_zip_and_ignores_other_files(tmp_path):
    files = {"top/e/a.txt": "a\n0\n", "top/e/b.txt": "b.jpg\n1\n1 2 3 4 0.5\n", "top/README": "x"}
    write_tree(tmp_path / "folder", files)
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    for path in (tmp_path / "folder", tmp_path / "file.zip"):
        found = read_predictions(path)
        assert sorted(found) == ["e/a", "e/b"]
        assert found["e/b"].boxes_xywh.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    "member",
    ["../e/a.txt", "e/../../a.txt", "/e/a.txt", "../a.txt", "a.txt", "x/../a.txt", "../run.sh"],
)
def test_read_refuses_names_that_lead_out_of_the_zip(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        archive.writestr(member, "a\n0\n")
    with pytest.raises(DatasetError, match="expected <event>/<name>.txt"):
        read_predictions(tmp_path / "file.zip")


def test_read_refuses_exchanged_files(tmp_path):
    write_tree(tmp_path, {"e/a.txt": "b\n0\n", "e/b.txt": "a\n0\n"})
    with pytest.raises(DatasetError, match=r"e/a\.txt: its first line names another image, 'b'"):
        read_predictions(tmp_path)


def test_read_refuses_a_file_of_another_event(tmp_path):
    write_tree(tmp_path, {"e/a.txt": "f/a\n0\n"})
    with pytest.raises(DatasetError, match="names another image, 'f/a'"):
        read_predictions(tmp_path)


def test_read_refuses_two_files_for_one_image(tmp_path):
    write_tree(tmp_path, {"old/e/a.txt": "a\n0\n", "new/e/a.txt": "a\n0\n"})
    with pytest.raises(DatasetError, match="the second file for e/a"):
        read_predictions(tmp_path)


def test_read_refuses_a_source_without_predictions(tmp_path):
    with pytest.raises(DatasetError, match="no prediction files"):
        read_predictions(tmp_path)
    with pytest.raises(DatasetError, match="expected a folder or a zip file"):
        read_predictions(tmp_path / "missing")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DatasetError, match="expected a folder or a zip file"):
        read_predictions(tmp_path / "text.zip")


def test_write_makes_the_official_tree(tmp_path):
    write_predictions(tmp_path, "e/name", BOXES, SCORES)
    assert (tmp_path / "e/name.txt").read_text() == TEXT


def test_write_refuses_an_event_that_leads_out(tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(DatasetError, match="not of the form"):
        write_predictions(tmp_path / "new", "../escaped", BOXES, SCORES)
    assert [p.name for p in tmp_path.rglob("*")] == ["new"]


def test_read_refuses_a_damaged_zip(tmp_path):
    """A change in the last bits of compressed data may do no harm, because they are padding."""
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e/a.txt", "a\n200\n" + "1 2 3 4 0.5\n" * 200)
        start, size = 30 + len("e/a.txt"), archive.infolist()[0].compress_size
    data = path.read_bytes()
    for position in range(start, start + size):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        try:
            found = read_predictions(path)
        except DatasetError as error:
            assert "file.zip" in str(error)  # noqa: PT017 - the other outcome is as good
        else:
            assert len(found["e/a"].scores) == 200


def test_read_ignores_files_that_macos_adds(tmp_path):
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        archive.writestr("p/e/a.txt", "a\n0\n")
        archive.writestr("p/__MACOSX/e/._a.txt", b"\x00\x05\x16\x07")
    assert list(read_predictions(tmp_path / "file.zip")) == ["e/a"]


@pytest.mark.parametrize("first", ["a", "a.jpg", "e/a", "/e/a.jpg", "val/images/e/a.jpg"])
def test_read_takes_the_usual_first_lines(tmp_path, first):
    write_tree(tmp_path, {"e/a.txt": f"{first}\n0\n"})
    assert list(read_predictions(tmp_path)) == ["e/a"]
