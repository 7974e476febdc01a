"""JSON of strangers: limits, and one reason for each refusal."""

import contextlib
import tracemalloc
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
        (b'"\\udcff"', "\udcff"),
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
        (b"[" + b"[]," * 5_000_000 + b"1]", "values"),
        (b"[1." + b"0" * 1000 + b"]", "has 1002 characters"),
        (b'["\\ud800"]', "no Unicode"),
        (b'{"\\uDFFF": 1}', "no Unicode"),
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


def test_as_deep_as_is_read_is_read():
    assert parse_json(b"[" * 64 + b"]" * 64) is not None
    assert parse_json(b'["\\ud83d\\ude00", "[[{"]') == ["\U0001f600", "[[{"]


def test_the_number_of_values_has_a_limit(monkeypatch):
    monkeypatch.setattr(json_text, "MAX_VALUES", 10)
    assert len(parse_json(b"[" + b"1," * 8 + b"1]")) == 9
    with pytest.raises(FormatError, match="some 11 values, and at most 10"):
        parse_json(b"[" + b"[]," * 5 + b"1]")


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * 70 + b'\\"' * 200_000,
        b"[" + b"[]," * 70 + b'"' + b"a\\n" * 1_000_000 + b'"]',
    ],
    ids=["quotes outside of a text", "a long text"],
)
def test_long_texts_take_little_time_and_memory(data):
    """A search that goes back would take hours for the first and a GiB for the second."""
    tracemalloc.start()
    with contextlib.suppress(FormatError):
        parse_json(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(data) + 2**20
