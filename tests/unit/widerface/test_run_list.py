import json

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.run_list import RUN_LIST_FILE, parse_run_list, write_run_list


def test_a_list_is_read_back_as_it_was_written(tmp_path):
    write_run_list(tmp_path, ["e/b", "e/a"], "labelled")
    data = (tmp_path / RUN_LIST_FILE).read_bytes()
    assert json.loads(data) == {
        "schema_version": 1,
        "images": ["e/b", "e/a"],
        "label": "labelled",
    }
    found = parse_run_list(data, "list")
    assert (found.images, found.label) == (["e/b", "e/a"], "labelled")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "cannot read the images of a run, list: .*; write the predictions again, or delete"),
        (b'{"schema_version": 2, "images": ["e/a"]}', "Invalid enum value 2"),
        (b'{"schema_version": 1}', "missing required field `images`"),
        (b'{"schema_version": 1, "images": []}', "list names no image"),
        (b'{"schema_version": 1, "images": ["a", "a"]}', "list names an image twice"),
        (b'{"images": ["a"], "x": ' + b"[" * 100_000, "inside each other, too deep"),
    ],
)
def test_a_damaged_list_is_refused_with_what_to_do(data, message):
    with pytest.raises(DatasetError, match=message):
        parse_run_list(data, "list")


def test_a_list_belongs_to_its_predictions_and_ground_truth():
    found = parse_run_list(b'{"images": ["e/a", "e/b"]}', "list")
    found.check(["e/a"], ["e/a", "e/b", "e/c"], "list")
    with pytest.raises(
        DatasetError, match="names 1 images that are not in the ground truth, .*e/b"
    ):
        found.check(["e/a"], ["e/a"], "list")
    with pytest.raises(
        DatasetError, match="1 prediction files are for others, first e/c; to score"
    ):
        found.check(["e/a", "e/c"], ["e/a", "e/b", "e/c"], "list")
