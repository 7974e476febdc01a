"""A stand-in for the interpreter of a target, and a record that it begins with."""

import pytest

from tests.support.given.target_player import write_player
from tests.support.made.records import make_run


@pytest.fixture
def player(tmp_path, monkeypatch):
    """Give a path in place of a Python; workers of this process find the record."""
    make_run(tmp_path / "template")
    monkeypatch.setenv("PLAYER_RECORD", str(tmp_path / "template" / "record.json"))
    return str(write_player(tmp_path))
