"""A lock is held by one, and by no one who has ended."""

import errno
import os
import subprocess
import sys

import pytest

from retinaface import locks
from retinaface.locks import try_lock

HOLDS = (
    "import sys, time; from pathlib import Path; from retinaface.locks import try_lock\n"
    "print(try_lock(Path(sys.argv[1])), flush=True); time.sleep(60)"
)


def test_one_holds_it_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    words = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip().isdigit()
        assert try_lock(path) is None
        other.kill()
        other.wait()
    first = try_lock(path)
    assert first is not None
    assert try_lock(path) is None
    os.close(first)
    second = try_lock(path)
    assert second is not None
    os.close(second)


def test_where_there_are_no_locks_a_process_is_alone_unless_it_must_be_sure(tmp_path, monkeypatch):
    def refuses(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuses)
    assert try_lock(tmp_path / "lock", is_sure=True) is None
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    os.close(lock)


def test_a_link_is_no_lock(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        try_lock(tmp_path / "lock")
    assert not (tmp_path / "other").exists()
