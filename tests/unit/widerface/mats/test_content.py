"""The parent believes nothing that a child sends."""

import re
from pathlib import Path

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.mats import child
from retinaface.widerface.mats.content import checked, plain_words

PATH = Path("wider_face_val.mat")


def parts(names="e/a\ne/b", counts=(1, 2), values=range(12)):
    return (
        names.encode(),
        np.array(counts, "<i8").tobytes(),
        np.array(values, "<f8").tobytes(),
    )


def test_a_reply_becomes_rows_of_each_image():
    found = checked(PATH, child.DONE, parts(), is_split=False)
    assert found.names == ("e/a", "e/b")
    assert [row.tolist() for row in found.rows] == [[[0, 1, 2, 3]], [[4, 5, 6, 7], [8, 9, 10, 11]]]
    split = checked(PATH, child.DONE, parts(values=range(3)), is_split=True)
    assert [row.tolist() for row in split.rows] == [[0], [1, 2]]


@pytest.mark.parametrize(
    "reply",
    [
        parts(names="e/a"),
        parts(counts=(1, 3)),
        parts(counts=(-1, 4)),
        parts(counts=(2**62, 2**62)),
        parts(values=range(11)),
        parts(values=[np.nan] * 12),
        parts(values=[np.inf] * 12),
        (b"\xff\ne/b", *parts()[1:]),
        (parts()[0], parts()[1][:-1], parts()[2]),
        (parts()[0], parts()[1], parts()[2][:-3]),
    ],
    ids=["names", "counts", "below-0", "overflow", "values", "nan", "inf", "utf8", "cut", "cut-2"],
)
def test_parts_that_do_not_fit_together_are_refused(reply):
    with pytest.raises(DatasetError, match="do not fit together"):
        checked(PATH, child.DONE, reply, is_split=False)


def test_an_unknown_status_is_refused():
    with pytest.raises(DatasetError, match="do not fit together"):
        checked(PATH, 9, parts(), is_split=False)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (child.UNREADABLE, "cannot read ground truth wider_face_val.mat: why; fetch it again"),
        (child.FOREIGN, "wider_face_val.mat why; fetch it again"),
        (child.NO_MEMORY, "takes more than 1024 MiB of memory"),
    ],
)
def test_what_the_child_refuses_is_an_error_with_its_words(status, text):
    with pytest.raises(DatasetError, match=re.escape(text)):
        checked(PATH, status, (b"why", b"", b""), is_split=False)


def test_words_of_a_child_are_short_and_do_nothing_to_a_terminal():
    assert plain_words(b"a\x1b[31m\nb\xff") == "a [31m b\N{REPLACEMENT CHARACTER}"
    assert len(plain_words(b"x" * 10_000)) == 300
