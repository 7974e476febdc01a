"""What comes from outside is shown as it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.telling.visible import indented, one_line, told, visible

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
        ("a\u3164b\u115f\uffa0\u034f", r"a\u3164b\u115f\uffa0\u034f"),
        ("\ufffe\ufdd0\U0001ffff", r"\ufffe\ufdd0\U0001ffff"),
        ("a\u200db a\ufe0f", r"a\u200db a\ufe0f"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u2764\ufe0f 1\ufe0f\u20e3", None),
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


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::error file=a::b", r"\x3a:error file=a::b"),
        (" ::add-mask::x", r" \x3a:add-mask::x"),
        ("a ##[error]b", r"a \x23#[error]b"),
        ("##vso[task.setvariable]", r"\x23#vso[task.setvariable]"),
        ("##teamcity[x]", r"\x23#teamcity[x]"),
        ("VERDICT: PASS", "  VERDICT: PASS"),
        ("tests/a.py::test_b C:: # x ## y", None),
    ],
)
def test_no_line_of_a_log_is_a_command_or_the_verdict(line, shown):
    assert told(line) == (line if shown is None else shown)
