import msgspec
import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.json_text import parse_json


class Form(msgspec.Struct):
    """A form with one text."""

    a: str = ""


def test_a_text_of_the_form_is_parsed():
    assert parse_json(b'{"a": "b", "c": [1]}', Form) == Form("b")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"a": 1}', "Expected `str`"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"c": ' + b"[" * 100_000, "inside each other, too deep"),
        (b'{"c": ' * 100_000, "inside each other, too deep"),
    ],
)
def test_any_other_is_refused_in_words(data, text):
    with pytest.raises(DatasetError, match=text):
        parse_json(data, Form)
