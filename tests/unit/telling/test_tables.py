"""Tables fit their width, and lose nothing by it."""

import re

import pytest

from retinaface.telling.tables import table_lines

COLUMNS = ["engine", "runtime", "largest error", "AP easy / medium / hard (%)", "note"]
ROWS = [
    ["ort-cpu-fp32", "onnxruntime 1.32.0", "1.2e-06", "82.87 / 70.85 / 46.53", "allowed +-0.1"],
    ["a-very-long-engine-name-of-somebody-cpu-fp16", "", "", "", "it could not be opened here"],
]


def words(lines):
    return sorted(re.findall(r"\S+", " ".join(lines)))


@pytest.mark.parametrize("width", [None, 200, 120, 80, 60, 46])
def test_every_word_is_there_and_no_line_is_wider(width):
    lines = table_lines(COLUMNS, ROWS, right=[2], width=width)
    cells = " ".join(" ".join(row) for row in ROWS)
    assert set(cells.split()) <= set(" ".join(lines).split())
    assert all(len(line) <= (width or 1000) for line in lines)


def test_a_row_is_a_line_where_that_fits_or_nothing_limits_it():
    for width in (None, 200):
        lines = table_lines(COLUMNS, ROWS, right=[2], width=width)
        assert len(lines) == 3
        assert lines[1].startswith("ort-cpu-fp32 ")


def test_cells_are_folded_between_words():
    rows = [["a", "one two three four"]]
    assert table_lines(["x", "text"], rows, width=14) == ["x  text", "a  one two", "   three four"]


def test_the_first_column_becomes_a_heading_where_folding_is_not_enough():
    rows = [["a-long-name-of-a-result", "AP easy", "81.20"], ["", "AP hard", "40.10"]]
    assert table_lines(["result", "metric", "new"], rows, right=[2], width=26) == [
        "result",
        "  metric     new",
        "a-long-name-of-a-result",
        "  AP easy  81.20",
        "  AP hard  40.10",
    ]


def test_the_last_column_goes_below_where_the_rest_fits_without_it():
    rows = [["a-long-name-of-a-result", "AP easy", "81.20", "allowed +-0.1 points over 67 images"]]
    assert table_lines(["result", "metric", "new", "note"], rows, width=26) == [
        "result",
        "  metric   new",
        "    note",
        "a-long-name-of-a-result",
        "  AP easy  81.20",
        "    allowed +-0.1 points",
        "    over 67 images",
    ]


def test_rows_become_lists_where_nothing_else_fits():
    rows = [["name", "a-long-word-of-one", "", "a-long-word-of-two"]]
    assert table_lines(["run", "first", "a-long-second-word", "third"], rows, width=36) == [
        "run  name",
        "  first",
        "    a-long-word-of-one",
        "  third",
        "    a-long-word-of-two",
    ]


def test_a_word_wider_than_the_terminal_stays_whole():
    path = "/a/very/long/path/that/nobody/would/type/twice"
    lines = table_lines(["name", "path"], [["x", path]], width=30)
    assert path in [line.strip() for line in lines]


def test_a_table_without_rows_is_its_headings():
    assert table_lines(["a", "b"], [], width=80) == ["a  b"]
