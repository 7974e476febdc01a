"""A message is walked through before it is parsed: whole, of few fields, its texts UTF-8."""

import subprocess
import sys

import pytest

from retinaface.formats import protobuf
from retinaface.formats.faults import FormatError
from retinaface.formats.protobuf import check_message, texts_of

MESSAGES = {"root": {1: "text", 2: "root", 3: "numbers", 4: "note"}, "note": {1: "text"}}


def field(number, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + head + content


def check(data, **options):
    return check_message(data, "root", MESSAGES, **options)


def test_a_whole_message_passes():
    assert check(b"") == []
    check(field(1, b"name") + field(2, field(1, b"inner")) + b"\x28\x96\x01" + field(9, b"\xff"))


def test_messages_of_a_name_are_listed_wherever_they_are():
    first, second = field(1, b"a"), field(1, b"b" * 200)
    data = field(4, first) + field(2, field(2, field(4, second)))
    assert sorted(check(data, listed="note")) == sorted([first, second])
    assert texts_of(second) == {1: "b" * 200}
    assert texts_of(first + field(1, b"last")) == {1: "last"}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x0a\x05ab", "ends inside a field"),
        (field(2, b"\x0a\x7f"), "ends inside a field"),
        (b"\x0a", "ends inside a number"),
        (b"\x08\xff", "ends inside a number"),
        (b"\x08" + b"\xff" * 11, "has no end"),
        (b"\x0b", "the kind 3"),
        (b"\x02\x00", "the number 0"),
        (b"\xfa\xff\xff\xff\xff\x7f\x00", "which no field has"),
        (b"\x29\x00", "ends inside a field"),
        (field(1, b"\xff\xfe"), "no UTF-8"),
        (field(2, field(1, b"\xff\xfe")), "no UTF-8"),
    ],
)
def test_damage_is_named(data, match):
    with pytest.raises(FormatError, match=match):
        check(data)


def test_messages_are_as_deep_as_parsers_take_them():
    def nested(n):
        data = b""
        for _ in range(n):
            data = field(2, data)
        return data

    check(nested(protobuf.MAX_DEPTH))
    with pytest.raises(FormatError, match="at most 90 deep"):
        check(nested(protobuf.MAX_DEPTH + 1))


def test_fields_texts_and_packed_numbers_are_counted(monkeypatch):
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 10)
    check(field(2, b"") * 10)
    check(field(9, bytes(10_000)))  # weights
    for data in (field(2, b"") * 11, field(3, bytes(640)), field(1, b"x" * 640), b"\x08\x00" * 11):
        with pytest.raises(FormatError, match="more than 10 fields"):
            check(data)


def test_millions_of_empty_messages_take_no_memory():
    """Parsed, they take 150 bytes each."""
    code = (
        "import resource\n"
        "from retinaface.formats.faults import FormatError\n"
        "from retinaface.formats.protobuf import check_message\n"
        "data = b'\\x12\\x00' * 4_000_000\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    check_message(data, 'root', {'root': {2: 'root'}})\n"
        "except FormatError as error:\n"
        "    print(error)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) // 1024)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    error, mib = result.stdout.splitlines()
    assert error == "it has more than 250000 fields"
    assert int(mib) < 250
