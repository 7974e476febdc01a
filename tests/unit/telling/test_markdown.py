"""Tables of Markdown keep their columns."""

from retinaface.telling.markdown import markdown_table


def test_a_bar_in_a_cell_is_no_border():
    assert markdown_table(("a", "b"), [("1|2", "")]) == "| a | b |\n| --- | --- |\n| 1\\|2 |  |"
