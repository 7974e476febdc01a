"""A file in the cache is used as long as it is what was written there."""

import pytest

from retinaface.storage.cached_files import (
    DAMAGED,
    UNKNOWN,
    is_as_written,
    note_of,
    remember,
    why_again,
)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "x.plan").write_bytes(b"whole")
    return tmp_path / "x.plan"


def test_a_remembered_file_is_as_written_until_it_changes(path):
    remember(path)
    assert is_as_written(path)
    path.write_bytes(b"wholf")
    assert not is_as_written(path)
    assert DAMAGED in why_again(path)


def test_without_a_note_or_a_file_nothing_is_known(path):
    assert not is_as_written(path)
    assert UNKNOWN in why_again(path)
    remember(path)
    path.unlink()
    assert not is_as_written(path)
    assert why_again(path) == ""
    assert note_of(path).name == "x.plan.sha256"
