"""What other tools write and pack is read with one note for each deviation; the rest is refused."""

import codecs
import zipfile

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading.predictions import read_predictions
from retinaface.widerface.run_list import RUN_LIST_FILE, write_run_list

IMAGES = ("e/a", "e/b", "f/c")
TEXT = "a\n1\n1 2 3 4 0.5\n"


def tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_and_a_zip_give_the_same(tmp_path):
    files = {"top/e/a.txt": "a\n0\n", "top/e/b.txt": "b.jpg\n1\n1 2 3 4 0.5\n", "top/README": "x"}
    tree(tmp_path / "folder", files)
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    for path in (tmp_path / "folder", tmp_path / "file.zip"):
        read = read_predictions(path, IMAGES)
        assert sorted(read.predictions) == ["e/a", "e/b"]
        assert read.predictions["e/b"].boxes_xywh.tolist() == [[1, 2, 3, 4]]
        assert read.notes == (
            f"1 file with another ending than .txt, passed over: first {path}/top/README",
        )
        assert read.run_list is None


def test_the_official_form_gets_no_note(tmp_path):
    tree(tmp_path, {"e/a.txt": TEXT, "e/b.txt": "e/b.jpg\n0\n", "f/c.txt": "/f/c\n0\n"})
    assert read_predictions(tmp_path, IMAGES).notes == ()


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"e/.ipynb_checkpoints/a-checkpoint.txt": TEXT}, "1 file hidden or of the system, passed"),
        ({"e/._a.txt": b"\0\5\x16\7", ".DS_Store": b"\0"}, "2 files hidden or of the system"),
        ({"notes/README.txt": "Made on Monday."}, "1 file of other text, for no image"),
        ({"classes.txt": "face\n", "odd.txt": b"\xff\xff"}, "2 files of other text"),
        ({"e/a.png": b"\x89PNG"}, "1 file with another ending than .txt, passed over"),
    ],
)
def test_what_is_no_prediction_is_passed_over(tmp_path, files, note):
    read = read_predictions(tree(tmp_path, {"e/a.txt": TEXT, **files}), IMAGES)
    assert list(read.predictions) == ["e/a"]
    (found,) = read.notes
    assert found.startswith(note)
    assert f"first {tmp_path}/" in found


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("e/a.txt", codecs.BOM_UTF8 + TEXT.encode(), "1 file with a byte order mark, read without"),
        ("e/a.txt", TEXT.encode("utf-16"), "1 file in UTF-16 or UTF-32, read"),
        ("e/a.txt", TEXT.replace("\n", "\r\n"), "1 file with line ends of another system"),
        ("e/a.txt", "e\\a.jpg" + TEXT[1:], "1 file whose first line has backslashes, or another"),
        ("e/a.txt", "a.png" + TEXT[1:], "1 file whose first line has backslashes, or another"),
        ("e/a.TXT", TEXT, None),
        (
            "e/a.txt",
            "a\n1\n1 2 3 4 0.5 1 1\n",
            "1 file with further columns behind the score (number: 2)",
        ),
        ("e/a.txt", "a\n1\n1,2,3,4,0.5\n", "1 file with commas between the columns, read as"),
        ("a.txt", TEXT, "1 file outside of the folder of their event, placed by the image's name"),
        ("p/labels/a.txt", TEXT, "1 file outside of the folder of their event"),
    ],
)
def test_other_peoples_files_are_read_with_a_note(tmp_path, name, content, note):
    read = read_predictions(tree(tmp_path, {name: content}), IMAGES)
    assert read.predictions["e/a"].boxes_xywh.tolist() == [[1, 2, 3, 4]]
    assert read.predictions["e/a"].scores.tolist() == [0.5]
    assert [text[: len(note or "")] for text in read.notes] == ([note] if note else [])


@pytest.mark.parametrize("content", ["", "\r\n", codecs.BOM_UTF8])
def test_an_empty_file_is_an_image_without_detections(tmp_path, content):
    read = read_predictions(tree(tmp_path, {"e/a.txt": content, "e/b.txt": ""}), IMAGES)
    assert {image: len(one.scores) for image, one in read.predictions.items()} == {
        "e/a": 0,
        "e/b": 0,
    }
    notes = [note for note in read.notes if "without content, read as no detection" in note]
    assert [note[:7] for note in notes] == ["2 files"]


def test_a_zip_of_windows_is_read_with_a_note(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in ("e\\a", "e\\b", "f\\c"):
            info = zipfile.ZipInfo("x")
            info.filename = f"p\\{name}.txt"
            archive.writestr(info, f"{name[-1]}\r\n0\r\n")
    read = read_predictions(tmp_path / "p.zip", IMAGES)
    assert sorted(read.predictions) == sorted(IMAGES)
    assert [note[:19] for note in read.notes] == ["3 files packed with", "3 files with line e"]


def test_exchanged_files_are_refused(tmp_path):
    tree(tmp_path, {"e/a.txt": "b\n0\n", "e/b.txt": "a\n0\n"})
    with pytest.raises(DatasetError, match=r"e/a\.txt: its first line names another image, 'b'"):
        read_predictions(tmp_path, IMAGES)


def test_a_damaged_byte_order_mark_is_not_called_an_exchange(tmp_path):
    tree(tmp_path, {"e/a.txt": "\u00ef\u00bb\u00bfa\n0\n"})  # a mark that was encoded twice
    with pytest.raises(
        DatasetError, match="its first line is '\u00ef\u00bb\u00bfa', expected"
    ) as found:
        read_predictions(tmp_path, IMAGES)
    assert "exchanged" not in str(found.value)


def test_two_files_for_one_image_are_refused_and_both_named(tmp_path):
    tree(tmp_path, {"new/e/a.txt": TEXT, "old/e/a.txt": TEXT})
    with pytest.raises(DatasetError, match=r"old/e/a.txt: .*second file for e/a, beside .*new/e/a"):
        read_predictions(tmp_path, IMAGES)


def test_predictions_of_some_unknown_images_are_refused_with_their_number(tmp_path):
    tree(tmp_path, {"e/a.txt": TEXT, "e/x.txt": "x\n0\n", "y.txt": "1 2 3 4 0.5\n"})
    with pytest.raises(DatasetError, match=r"2 of 3 prediction files are for .*first .*e/x\.txt;"):
        read_predictions(tmp_path, IMAGES)


def test_where_all_images_are_unknown_nothing_is_to_be_removed(tmp_path):
    tree(tmp_path, {"0--Test/1.txt": "1\n0\n", "0--Test/2.txt": "2\n0\n"})
    with pytest.raises(DatasetError, match=r"all 2 prediction files.*such as e/a\.txt") as found:
        read_predictions(tmp_path, IMAGES)
    assert not {"remove", "take", "delete"} & set(str(found.value).split())


def test_a_source_without_predictions_is_refused_with_what_it_holds(tmp_path):
    with pytest.raises(DatasetError, match="no prediction files in .*such as e/a.txt; it is empty"):
        read_predictions(tmp_path, IMAGES)
    tree(tmp_path, {".cache/e/a.txt": TEXT, "readme.txt": "hello"})
    with pytest.raises(DatasetError, match="no prediction files .*; 1 file hidden .*; 1 file of"):
        read_predictions(tmp_path, IMAGES)


def test_the_list_of_a_run_is_read_beside_its_predictions(tmp_path):
    write_run_list(tree(tmp_path, {"e/a.txt": TEXT}), ["e/b", "e/a"], "a label")
    read = read_predictions(tmp_path, IMAGES)
    assert (read.run_list.images, read.run_list.label) == (["e/b", "e/a"], "a label")
    assert read.notes == ()


def test_the_list_of_another_run_is_refused(tmp_path):
    write_run_list(tree(tmp_path, {"one/e/a.txt": TEXT}) / "one", ["e/b"])
    with pytest.raises(DatasetError, match="1 prediction files are for others, first e/a"):
        read_predictions(tmp_path, IMAGES)
    write_run_list(tree(tmp_path, {"two/e/b.txt": "b\n0\n"}) / "two", ["e/b"])
    with pytest.raises(DatasetError, match="each name the images of a run; score the folders one"):
        read_predictions(tmp_path, IMAGES)
    assert (tmp_path / "two" / RUN_LIST_FILE).is_file()


def test_many_detections_keep_their_order(tmp_path):
    rows = np.arange(500.0).reshape(100, 5)
    text = "\n".join(["a", "100", *(" ".join(map(str, row)) for row in rows)])
    found = read_predictions(tree(tmp_path, {"e/a.txt": text}), IMAGES).predictions["e/a"]
    np.testing.assert_array_equal(np.c_[found.boxes_xywh, found.scores], rows)


def test_all_detections_together_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("retinaface.widerface.reading.predictions.MAX_ALL_DETECTIONS", 3)
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"{name}\n2\n1 1 1 1 1\n1 1 1 1 1\n")
    with pytest.raises(DatasetError, match="holds more than 3 detections; write fewer"):
        read_predictions(tmp_path, ["e/a", "e/b"])
