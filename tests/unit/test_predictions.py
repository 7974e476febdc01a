import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.errors import DatasetError, OutputError
from retinaface.predictions import (
    format_predictions,
    official_form,
    parse_predictions,
    prediction_writer,
    read_predictions,
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
        ("name\n1\n1 2 inf 4 0.5\n", "line 3 holds a NaN or an infinity"),
        ("name\n1\n1 2 x 4 0.5\n", "expected numbers"),
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


def test_read_takes_a_folder_or_a_zip_and_passes_over_other_files(tmp_path):
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
    "member", ["../e/a.txt", "e/../../a.txt", "/e/a.txt", "../a.txt", "a.txt", "x/../a.txt"]
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


def test_read_refuses_two_files_for_one_image(tmp_path):
    write_tree(tmp_path, {"old/e/a.txt": "a\n0\n", "new/e/a.txt": "a\n0\n"})
    with pytest.raises(DatasetError, match="a second file for e/a"):
        read_predictions(tmp_path)


def test_read_refuses_nothing(tmp_path):
    with pytest.raises(DatasetError, match="no prediction files"):
        read_predictions(tmp_path)
    with pytest.raises(DatasetError, match="expected a folder or a zip file"):
        read_predictions(tmp_path / "missing")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DatasetError, match="expected a folder or a zip file"):
        read_predictions(tmp_path / "text.zip")


def test_writer_leaves_a_whole_folder_or_nothing(tmp_path):
    with prediction_writer(tmp_path / "good") as writer:
        writer.write("e/name", BOXES, SCORES)
    assert (tmp_path / "good/e/name.txt").read_text() == TEXT

    def fail():
        with prediction_writer(tmp_path / "bad") as writer:
            writer.write("e/name", BOXES, SCORES)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good"]


def test_writer_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "stale.txt").touch()
    with (
        pytest.raises(OutputError, match="is not empty"),
        prediction_writer(tmp_path),
    ):
        pass


def test_writer_refuses_an_event_that_leads_out(tmp_path):
    with (
        pytest.raises(DatasetError, match="not of the form"),
        prediction_writer(tmp_path / "new") as writer,
    ):
        writer.write("../escaped", BOXES, SCORES)
    assert list(tmp_path.iterdir()) == []
