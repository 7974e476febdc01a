"""Tables of Markdown keep their columns, and no text becomes markup."""

import pytest

from retinaface.telling.markdown import Marked, block, code, inline, markdown_table


def test_a_bar_in_a_cell_is_no_border():
    assert markdown_table(("a", "b"), [("1|2", "")]) == "| a | b |\n| --- | --- |\n| 1\\|2 |  |"
    assert markdown_table(("a",), [[Marked("**1|2**")]]).endswith("| **1\\|2** |")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ort-cpu-fp32--igie--b32", "ort-cpu-fp32--igie--b32"),
        ("AP of a_b: 80.23 -> 79.1 (-1.1 points), 3 < 4 & so on", None),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("[x](javascript:alert(1))", r"[x\](javascript:alert(1))"),
        ("![x](http://a/b.png)", r"![x\](http\://a/b.png)"),
        ("<javascript:alert(1)>", "&lt;javascript:alert(1)>"),
        ("**PASS** `code` ~~no~~ $x$", r"\*\*PASS\*\* \`code\` \~\~no\~\~ \$x\$"),
        ("__init__ a_b _c_", r"\_\_init\_\_ a_b \_c\_"),
        ("a\n\n# VERDICT: PASS", r"a\\n\\n# VERDICT: PASS"),
        ("https://a.b/c www.a.b", r"https\://a.b/c www\.a.b"),
        ("change -0.60 [-0.60, -0.60] points", None),
        ("[x][y] [x]: z", r"[x\][y] [x\]: z"),
        ("# VERDICT: PASS", r"\# VERDICT: PASS"),
        ("1. first", r"1\. first"),
        ("> quoted", r"\> quoted"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("\x1b[31mred\x1b[0m \u202eback", r"\\x1b[31mred\\x1b[0m \\u202eback"),
    ],
)
def test_a_text_is_shown_as_it_is(text, shown):
    if shown is None:
        shown = text.replace("<", "&lt;")
    assert inline(text) == shown
    assert inline(inline(text)) == inline(text)
    assert "\n" not in inline(text)


def test_a_negative_number_in_a_cell_stays_a_number():
    assert markdown_table(("a",), [["-1.25"]]).endswith("| -1.25 |")


def test_code_and_blocks_are_not_ended_by_what_they_hold():
    assert code("a[b]") == "`a[b]`"
    assert code("__init__") == "`__init__`"
    assert code("a`b`<c>") == r"a\`b\`&lt;c>"
    lines = ["fine", "```", "<b>", "a\x1b\n# b"]
    shown = block(lines).split("\n")
    assert shown[0] == "````text"
    assert shown[-1] == "````"
    assert shown[1:-1] == ["fine", "```", "&lt;b>", r"a\x1b\n# b"]
