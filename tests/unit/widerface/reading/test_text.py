"""The text of a file is read as other people write it, or refused with the line and what to do."""

import codecs

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retinaface.errors import DatasetError
from retinaface.widerface.predictions import format_predictions, official_form
from retinaface.widerface.reading.deviations import UTF8_MARK, UTF16
from retinaface.widerface.reading.text import (
    MAX_DETECTIONS,
    decode,
    has_foreign_line_ends,
    has_prediction_form,
    parse_predictions,
)


@given(
    arrays(np.float32, (3, 4), elements=st.floats(-50, 2000, width=32)),
    arrays(np.float32, 3, elements=st.floats(0.03125, 1, width=32)),
)
def test_reading_back_what_was_written_is_the_official_form(boxes, scores):
    parsed = parse_predictions(format_predictions("a_b", boxes, scores), "text")
    expected = official_form(boxes, scores)
    assert (parsed.stated, parsed.n_ignored, parsed.separators) == ("a_b", 0, "")
    np.testing.assert_array_equal(parsed.predictions.boxes_xywh, expected.boxes_xywh)
    np.testing.assert_array_equal(parsed.predictions.scores, expected.scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\n", "got 'name' alone; for no detection, write 0 below it"),
        ("name\nmany\n1 2 3 4 0.5\n", "expected the image's name"),
        ("name\n-1\n", "expected the image's name"),
        ("1 2 3 4 0.5\n", "got rows of numbers alone; write the two lines above them"),
        ("1 2 3 4 0.5\n5 6 7 8 0.5\n", "got rows of numbers alone"),
        ("name\n2\n1 2 3 4 0.5\n", "announces 2 detections, but 1 follow"),
        ("name\n1\n1 2 3 4 0.5\n1 2 3 4 0.5\n", "announces 1 detections, but 2 follow"),
        ("name\n1\n1 2 3 4\n", "line 3 has 4 columns, expected 5"),
        ("name\r\r\n1\r\r\n1 2 3 4\r\r\n", "line 5 has 4 columns, expected 5"),
        ("name\n2\n1 2 3 4 0.5\n1 2 3 4 0.5 9\n", "line 4 has 6 columns, line 3 has 5; write x y"),
        ("name\n1\n1 2 3 4 nan\n", "line 3 holds a NaN"),
        ("name\n1\n1 2 inf 4 0.5\n", "line 3 holds a NaN, an infinity or"),
        ("name\n1\n1 2 x 4 0.5\n", "expected numbers"),
        ("name\n1\nface 0.5 1 2 3 4\n", "expected numbers"),
        ("name\n1\n1 2 3 4 1_0\n", "expected plain numbers"),
        ("name\n1\n1 2 3 4 \u0661\n", "expected plain numbers"),
        ("name\n1\n1e200 2 3 4 0.5\n", "a number beyond 1e\\+09"),
        ("name\n\u00b2\n", "expected the image's name"),
        ("name\n" + "9" * 5000 + "\n", "expected the image's name"),
        ("name\n1\n1 2 3 4 0,5\n", "line 3 has commas that may be decimal commas: '1 2 3 4 0,5'"),
        ("name\n1\n1,0 2,0 3,0 4,0 0,5\n", "may be decimal commas"),
        ("name\n1\n1;2;3;4;0,5\n", "may be decimal commas"),
        ("name\n1\n1,0,2,0,3,0,4,0,0,5\n", "may be decimal commas"),
        ("name\n1\n1,,3,4,0.5\n", "expected numbers"),
    ],
)
def test_a_malformed_file_is_refused_with_what_to_do(text, message):
    with pytest.raises(DatasetError, match=message):
        parse_predictions(text, "file")


@pytest.mark.parametrize(
    "text",
    [
        "n\n1\n1 2 3 4 0.5\n",
        "n\r\n1\r\n1 2 3 4 5e-1\r\n\r\n",
        "n\r1\r1 2 3 4 0.5\r",
        "n\r\r\n1\r\r\n1 2 3 4 0.5\r\r\n",
        "\n n \n\n1 \n\n  1 2 3 4 0.5  \n",
        "n\n1\n1\t2\t3\t4\t0.5",
        "n\n1\n1,2,3,4,0.5\n",
        "n\n1\n1, 2, 3, 4, 0.5,\n",
        "n\n1\n1;2;3;4;0.5\n",
        "n\n1\n1.0 2.0 3.0 4.0 0.5 0 0 face,person\n",
    ],
)
def test_line_ends_empty_lines_and_separators_may_differ(text):
    parsed = parse_predictions(text, "file")
    assert parsed.stated == "n"
    assert parsed.predictions.boxes_xywh.tolist() == [[1, 2, 3, 4]]
    assert parsed.predictions.scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("between", "words"), [(",", "commas"), (" ; ", "semicolons"), ("\t", "tabs"), ("  ", "")]
)
def test_separators_are_told_in_words(between, words):
    text = f"n\n1\n{between.join('12349')}\n"
    assert parse_predictions(text, "file").separators == words


def test_columns_behind_the_score_are_counted_and_ignored():
    row = "1 2 3 4 0.5 12 30 25 30 18 38 13 45 24 45"
    parsed = parse_predictions(f"n\n2\n{row}\n{row}\n", "file")
    assert parsed.n_ignored == 10
    assert parsed.predictions.scores.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t\n"])
def test_a_file_without_content_is_no_detection(text):
    parsed = parse_predictions(text, "file")
    assert parsed.is_empty
    assert parsed.predictions.boxes_xywh.shape == (0, 4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("nä\n".encode(), ""),
        (codecs.BOM_UTF8 + "nä\n".encode(), UTF8_MARK),
        (2 * codecs.BOM_UTF8 + "nä\n".encode(), UTF8_MARK),
        (codecs.BOM_UTF16_LE + "nä\n".encode("utf-16-le"), UTF16),
        (codecs.BOM_UTF16_BE + "nä\n".encode("utf-16-be"), UTF16),
        (codecs.BOM_UTF32_LE + "nä\n".encode("utf-32-le"), UTF16),
        (codecs.BOM_UTF32_BE + "nä\n".encode("utf-32-be"), UTF16),
    ],
)
def test_byte_order_marks_are_no_part_of_the_text(data, kind):
    assert decode(data, "file") == ("nä\n", kind)


def test_other_encodings_are_refused_with_what_to_do():
    for data in (b"n\xe4\n", "n\n".encode("utf-16-le"), codecs.BOM_UTF16_LE + b"n\0\n"):
        with pytest.raises(DatasetError, match="file: .*; save it as UTF-8"):
            decode(data, "file")


def test_line_ends_of_other_systems_are_told():
    assert [has_foreign_line_ends(text) for text in ("a\r\nb", "a\rb", "a\nb")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n\n1\n1 2 3 4 0.5\n", True),
        ("n\n0\n", True),
        ("n\n2\n1,2,3,4,0.5\n", True),  # cut short, and still meant as predictions
        ("0 0.1 0.2 0.3 0.4\n", True),
        ("", False),
        ("face\nbackground\n", False),
        ("numpy>=1.26\nscipy\n", False),
        ("# Predictions\n\nMade on Monday.\n", False),
        ("Results of 2024\n2024\nall is well here now\n", False),
        ("1\n2\n3\n", False),
        ("e/a.jpg\n1\n1 2 3 4 0 0\ne/b.jpg\n1\n1 2 3 4 0 0\n", False),
    ],
)
def test_text_is_told_from_predictions(text, expected):
    assert has_prediction_form(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "A" * 10**6,
        "A" * 10**6 + "\n" + "B" * 10**6,
        "n\n1\n" + "C" * 10**6 + " 1 1 1 1\n",
        "n\n1\n" + "1" * 10**6 + ",5,5,5,5,5,5,5,5,5,5\n",
        "n\n" + "9" * 5000 + "\n",
        "n\n1\n\x1b[2J 1 1 1 1\n",
    ],
    ids=["line", "lines", "word", "commas", "count", "escape"],
)
def test_messages_show_short_and_escaped_excerpts(text):
    with pytest.raises(DatasetError) as caught:
        parse_predictions(text, "file")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_more_detections_in_an_image_than_the_limit_are_refused():
    rows = "1 1 1 1 1\n" * (MAX_DETECTIONS + 1)
    with pytest.raises(DatasetError, match="20001 detections in one image, expected at most 20000"):
        parse_predictions(f"n\n{MAX_DETECTIONS + 1}\n{rows}", "file")
    shorter = rows.partition("\n")[2]
    assert (
        len(parse_predictions(f"n\n{MAX_DETECTIONS}\n{shorter}", "f").predictions.scores)
        == MAX_DETECTIONS
    )
