"""JSON of strangers: limits, and one reason for each refusal."""

from typing import Annotated

import pytest
from msgspec import Meta, Struct

from retinaface.formats import json_text
from retinaface.formats.faults import FormatError
from retinaface.formats.json_text import MAX_DEPTH, parse_json
from retinaface.formats.types import typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, -2.5, null, true]}', {"a": [1, -2.5, None, True]}),
        (b'\xef\xbb\xbf"x"', "x"),
        (b"9223372036854775807", 2**63 - 1),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        ('"' + "[" * 1000 + '"', "[" * 1000),
    ],
)
def test_what_is_whole_is_read(text, value):
    found = parse_json(text)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no UTF-8"),
        (b"[" * 100_000, "at most 64 deep"),
        (b'{"a":' * 100_000, "at most 64 deep"),
        (b'["[", ' + b"[" * 65 + b"]" * 66, "at most 64 deep"),
        (b'"' + b'\\"' * 100_000, "no JSON"),
        (b"[" + b"[]," * 5_000_000 + b"1]", "commas"),
        (b"9" * 5000, "has 5000 characters"),
        (b"9223372036854775808", "64 bits"),
        (b"1e999", "64 bits"),
        (b'"\\"' + b"[" * 100, "no JSON|deep"),
    ],
)
def test_what_is_not_is_refused_with_the_reason(data, match):
    with pytest.raises(FormatError, match=match):
        parse_json(data)


def test_a_large_file_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(json_text, "MAX_JSON_BYTES", 10)
    with pytest.raises(FormatError, match="it has 11 bytes, and at most 10 are read"):
        parse_json(b" " * 11)


class Form(Struct):
    n: Annotated[int, Meta(ge=1)]
    word: str = ""


@pytest.mark.parametrize(
    ("content", "match"),
    [({}, "`n`"), ({"n": 0}, r"\$\.n"), ({"n": "1"}, r"\$\.n"), ([], "object"), (None, "object")],
)
def test_a_type_names_the_place(content, match):
    with pytest.raises(FormatError, match=match):
        typed(content, Form)
    assert typed({"n": 2}, Form).n == 2
