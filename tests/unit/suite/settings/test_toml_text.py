import os

import pytest

from retinaface.suite.options import TargetError
from retinaface.suite.settings.toml_text import MAX_TOML_BYTES, read_toml


def read(path, content):
    path.write_bytes(content)
    return read_toml(path, TargetError)


def test_a_file_is_parsed(tmp_path):
    assert read(tmp_path / "a.toml", b"[a]\nb = 1\n") == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a = ", "is not TOML"),
        (b"a = '\xff'", "is not TOML"),
        (b"a = " + b"9" * 5000, "is not TOML"),
        (b"a = " + b"[" * 100_000, "inside each other, too deep"),
        (b"#" * (MAX_TOML_BYTES + 1), "expected at most 1"),
    ],
    ids=["damaged", "bytes", "digits", "depth", "long"],
)
def test_any_other_is_refused_by_name(tmp_path, content, text):
    with pytest.raises(TargetError, match=rf"a\.toml.*{text}"):
        read(tmp_path / "a.toml", content)


def test_a_pipe_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(TargetError, match="it is a pipe"):
        read_toml(tmp_path / "a.toml", TargetError)
