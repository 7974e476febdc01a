from pathlib import Path

import click
import pytest

from retinaface.cli.usage.types import PathOrSsh, PathOrUrl
from retinaface.storage.location import Url


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (
            PathOrSsh(path_type=Path),
            "ssh://me@board:22/bin/python3",
            "ssh://me@board:22/bin/python3",
        ),
        (PathOrSsh(path_type=Path), ".venv", Path(".venv")),
        (PathOrUrl(path_type=Path), "s3://bucket/a", Url("s3://bucket/a")),
        (PathOrUrl(path_type=Path), "a/b", Path("a/b")),
        (PathOrUrl("embedded"), "embedded", "embedded"),
    ],
    ids=["ssh", "environment", "url", "path", "word"],
)
def test_an_address_keeps_both_slashes_and_a_path_is_a_path(kind, text, value):
    assert kind.convert(text, None, None) == value


def test_a_value_that_is_read_already_stays():
    """Click converts what a callback gave, too."""
    assert PathOrUrl(path_type=Path).convert(Url("s3://a/b"), None, None) == Url("s3://a/b")
    assert isinstance(PathOrUrl(path_type=Path), click.Path)
