"""What comes from outside is shown as it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.telling.visible import indented, one_line, visible

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 東京 😀 é 👩‍👧 a b", None),
        ("\x1b[31mred\x07\x08", r"\x1b[31mred\x07\x08"),
        ("a\nVERDICT: PASS\r\x85\u2028", r"a\nVERDICT: PASS\r\x85\u2028"),
        ("\u202eback\u2066\u200b\ufeff\U000e0041", r"\u202eback\u2066\u200b\ufeff\U000e0041"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_acts_is_written_out_and_letters_stay(text, shown):
    assert visible(text) == (text if shown is None else shown)


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_acts_is_left(text):
    for shown in (visible(text), one_line(text)):
        left = {one for one in shown if unicodedata.category(one) in ACTING}
        assert left <= set("\u200c\u200d")
        assert visible(shown) == shown
        shown.encode("utf-8")


@given(st.text(st.sampled_from("ab \n\r\x1b\u2028")))
def test_no_line_but_the_first_begins_at_the_left_edge(text):
    _, *others = indented(text).splitlines() or [""]
    assert all(line.startswith(" ") or not line for line in others)
