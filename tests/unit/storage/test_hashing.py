"""A file is hashed once for each state of it."""

import hashlib
import os

from retinaface.storage import hashing
from retinaface.storage.hashing import file_sha256


def test_the_hash_is_that_of_the_content(tmp_path):
    path = tmp_path / "a"
    for content in (b"", b"x" * (2**20 + 1), b"y" * (2**20 + 1)):
        path.write_bytes(content)
        assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_settled_file_is_hashed_once_and_a_changed_one_again(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "_hashes", {})
    monkeypatch.setattr(hashing, "_SETTLED_NS", -1)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = file_sha256(path)
    assert list(hashing._hashes.values()) == [first]
    assert file_sha256(path) == first
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest()
