"""Rows of the index come back as they were, and damage is told."""

import pytest

from retinaface.formats.faults import FormatError
from retinaface.history.packing import name_of, packed, text_of, unpacked
from retinaface.history.rows import row_of
from tests.support.made.records import make_run


def test_a_row_survives_with_names_that_are_no_utf8(tmp_path):
    row = row_of(make_run(tmp_path / "a", environment={"cpu": "c\udcff"}))
    assert unpacked(packed(row)).name == "a"
    plain = row_of(make_run(tmp_path / "b"))
    assert unpacked(packed(plain)) == plain


def test_names_are_bytes_and_shown_as_text():
    assert name_of(b"a\xff") == "a\udcff"
    assert text_of("a\udcff") == r"a\xff"
    with pytest.raises(FormatError):
        name_of("text")


@pytest.mark.parametrize("content", [None, 3, "text"])
def test_a_row_that_is_none_is_damage(content):
    with pytest.raises(FormatError, match="damaged"):
        unpacked(content)
