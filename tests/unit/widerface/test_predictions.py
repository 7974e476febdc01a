import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.predictions import format_predictions, official_form, write_predictions

BOXES = np.array([[10.9, 20.2, 30.99, 40.1], [-3.7, -0.2, 5.5, 6.6]], dtype=np.float32)
SCORES = np.array([0.91050637, 0.02], dtype=np.float32)
TEXT = "name\n2\n10 20 20 20 0.91050637 \n-3 0 8 6 0.02 \n"


def test_format_is_that_of_the_vendors_scripts():
    assert format_predictions("name", BOXES, SCORES) == TEXT


def test_format_of_nothing_is_a_name_and_a_zero():
    assert format_predictions("name", BOXES[:0], SCORES[:0]) == "name\n0\n"


def test_the_official_form_truncates_corners_before_it_subtracts():
    found = official_form(BOXES, SCORES)
    assert found.boxes_xywh.tolist() == [[10, 20, 20, 20], [-3, 0, 8, 6]]
    assert found.scores.tolist() == [0.91050637, 0.02]


def test_write_makes_the_official_tree(tmp_path):
    write_predictions(tmp_path, "e/name", BOXES, SCORES)
    assert (tmp_path / "e/name.txt").read_text() == TEXT


def test_write_refuses_an_event_that_leads_out(tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(DatasetError, match="not of the form"):
        write_predictions(tmp_path / "new", "../escaped", BOXES, SCORES)
    assert [p.name for p in tmp_path.rglob("*")] == ["new"]
