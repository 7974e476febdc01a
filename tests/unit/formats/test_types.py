"""What was parsed is checked against a type, which names the place."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from retinaface.formats.faults import FormatError
from retinaface.formats.types import typed


class Form(Struct):
    n: Annotated[int, Meta(ge=1)]
    word: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({}, "`n`"),
        ({"n": 0}, r"\$\.n"),
        ({"n": "1"}, r"\$\.n"),
        ([], "object"),
        (None, "object"),
        ({"n": 1, "word": "\ud800"}, "no Unicode|word"),
    ],
)
def test_a_type_names_the_place(content, match):
    with pytest.raises(FormatError, match=match):
        typed(content, Form)
    assert typed({"n": 2}, Form).n == 2
