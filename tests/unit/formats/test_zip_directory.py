"""The directory of a zip: how many entries it says, and how large it is."""

import struct
import zipfile

import pytest

from retinaface.formats.zip_directory import has_too_many


@pytest.fixture
def path(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(5):
            archive.writestr(str(i), b"")
    return tmp_path / "a.zip"


def test_entries_are_counted_by_what_the_directory_says(path):
    assert has_too_many(path, 4)
    assert not has_too_many(path, 5)


def test_a_directory_that_is_longer_than_it_says_is_too_long(path):
    """A reader takes it whole into memory, whatever its number of entries says."""
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    content[end + 12 : end + 16] = struct.pack("<I", len(content))
    path.write_bytes(bytes(2**16) + content)
    assert not has_too_many(path, 5)
    content[end + 12 : end + 16] = struct.pack("<I", 2**20)
    path.write_bytes(bytes(2**16) + content)
    assert has_too_many(path, 5)


def test_a_large_directory_says_its_number_elsewhere(path):
    content = path.read_bytes()
    end = content.rindex(b"PK\5\6")
    large = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 200_000, 200_000, 100, 0)
    small = bytearray(content[end:])
    small[8:16] = b"\xff" * 8
    path.write_bytes(content[:end] + large + small)
    assert has_too_many(path, 100_000)
    assert not has_too_many(path, 200_000)


def test_what_is_no_zip_is_left_to_its_reader(tmp_path):
    (tmp_path / "a").write_bytes(b"PK\5\6")
    assert not has_too_many(tmp_path / "a", 1)
