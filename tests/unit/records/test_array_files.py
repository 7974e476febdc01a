"""Arrays are read by result, and a file that is damaged or of another run is refused."""

import numpy as np
import pytest

from retinaface.errors import RecordError
from retinaface.formats.faults import FormatError
from retinaface.records.array_files import (
    ArrayFiles,
    check_counts,
    check_detections,
    check_stages,
)
from retinaface.storage.hashing import file_sha256

FILE = "counts.npz"


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / FILE, **{"a--b1/images": np.arange(3), "a--b10/images": np.arange(9)})
    return tmp_path


def test_arrays_of_one_result_are_read_without_its_prefix(folder):
    files = ArrayFiles(folder, {FILE: file_sha256(folder / FILE)})
    assert list(files.read(FILE, "a--b1")) == ["images"]
    assert files.read(FILE, "a--b1")["images"].tolist() == [0, 1, 2]
    assert files.read(FILE, "other") == {}
    assert files.has_any(FILE)


def test_a_file_that_is_not_there_or_empty_has_nothing(folder):
    files = ArrayFiles(folder, {})
    assert (files.read("stages.npz", "a"), files.has_any("stages.npz")) == ({}, False)
    np.savez(folder / "stages.npz")
    assert not files.has_any("stages.npz")


def test_a_file_that_the_record_names_and_that_is_gone_is_an_error(folder):
    files = ArrayFiles(folder, {"stages.npz": "0" * 64})
    for read in (lambda: files.read("stages.npz", "a"), lambda: files.has_any("stages.npz")):
        with pytest.raises(RecordError, match=r"stages.npz: it is not there, and the record has"):
            read()


def test_a_file_that_was_laid_beside_a_record_of_others_is_an_error(folder):
    files = ArrayFiles(folder, {"stages.npz": "0" * 64})
    with pytest.raises(RecordError, match=r"has no SHA-256 of it, only of stages.npz"):
        files.read(FILE, "a--b1")


def test_a_file_of_another_run_is_refused_with_both_hashes(folder):
    files = ArrayFiles(folder, {FILE: "0" * 64})
    with pytest.raises(RecordError, match=f"expected {'0' * 64} as in arrays/{FILE}"):
        files.read(FILE, "a--b1")
    with pytest.raises(RecordError, match="expected 0000"):
        ArrayFiles(folder, {FILE: "0" * 64}).has_any(FILE)


def test_a_damaged_file_is_one_error(folder):
    (folder / FILE).write_bytes(b"damaged")
    files = ArrayFiles(folder, {})
    for read in (lambda: files.read(FILE, "a--b1"), lambda: files.has_any(FILE)):
        with pytest.raises(RecordError, match=f"cannot read .*{FILE}: .*; run again with --record"):
            read()


DETECTIONS = {
    "images": np.array(["a", "b"]),
    "offsets": np.array([0, 1, 3]),
    "boxes": np.zeros((3, 4), np.float32),
    "scores": np.zeros(3, np.float32),
    "landmarks": np.zeros((3, 5, 2), np.float32),
}
COUNTS = {
    "images": np.array(["a", "b"]),
    "n_faces": np.ones((2, 3), np.int32),
    "image_index": np.array([0, 1, 1], np.int32),
    "threshold_index": np.array([0, 5, 999], np.int16),
    "is_proposal": np.ones((3, 3), bool),
    "is_hit": np.ones((3, 3), bool),
}


def test_whole_arrays_are_right():
    check_detections(DETECTIONS)
    check_counts(COUNTS)
    check_stages({}, 0)


@pytest.mark.parametrize(
    ("check", "whole", "changed"),
    [
        (check_detections, DETECTIONS, {"offsets": np.array([0, 1, 4])}),
        (check_detections, DETECTIONS, {"offsets": np.array([0, 3, 1])}),
        (check_detections, DETECTIONS, {"images": np.array(["a", "a"])}),
        (check_detections, DETECTIONS, {"boxes": np.zeros((3, 5), np.float32)}),
        (check_detections, DETECTIONS, {"scores": np.zeros(2, np.float32)}),
        (check_counts, COUNTS, {"image_index": np.array([0, 1, 2])}),
        (check_counts, COUNTS, {"threshold_index": np.array([0, 1, 1000])}),
        (check_counts, COUNTS, {"n_faces": -np.ones((2, 3), np.int32)}),
        (check_counts, COUNTS, {"n_faces": np.ones((2, 2), np.int32)}),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(check, whole, changed):
    with pytest.raises(FormatError, match="array '"):
        check(whole | changed)
